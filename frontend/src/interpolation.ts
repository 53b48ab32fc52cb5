import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

import { expandConditionalAll } from './sql/conditionalAll';
import { formatVariable, literal, VariableTraits } from './sql/quoting';
import { isInsideQuotes } from './sql/scan';

const ALL = '$__all';

/** Writes the template variables' values into SQL, once: a `$` inside a value stays what it is. */
export function interpolate(sql: string, scopedVars: ScopedVars, templateSrv: TemplateSrv): string {
  const withConditions = expandConditionalAll(sql, (name) => isAll(name, scopedVars, templateSrv));
  // As SQL text this one is ours: quoted outside strings, as the backend does it.
  const { __searchFilter: searchFilter, ...others } = scopedVars;
  return replaceOutsideSearchFilter(withConditions, searchFilter?.value, (text) =>
    templateSrv.replace(text, others, formatVariable)
  );
}

const SEARCH_FILTER = /\$__searchFilter\b|\$\{__searchFilter\}|\[\[__searchFilter\]\]/g;

/** Replaces `$__searchFilter` by the typed text with `%` behind it, `%` alone when nothing is typed. */
function replaceOutsideSearchFilter(sql: string, typed: unknown, replace: (text: string) => string): string {
  const text = `${typed ?? ''}%`;
  let out = '';
  let from = 0;
  for (const match of sql.matchAll(SEARCH_FILTER)) {
    out += replace(sql.slice(from, match.index));
    out += isInsideQuotes(sql, match.index) ? formatVariable(text) : literal(text);
    from = match.index + match[0].length;
  }
  return out + replace(sql.slice(from));
}

/** Whether a variable is set to All here: a repeated panel has its own value for a variable that is All elsewhere. */
function isAll(name: string, scopedVars: ScopedVars, templateSrv: TemplateSrv): boolean | undefined {
  const scoped = scopedVars[name];
  if (scoped) {
    return isAllValue(scoped.value);
  }
  const variable = templateSrv.getVariables().find((candidate) => candidate.name === name);
  if (!variable) {
    return undefined;
  }
  if (!('current' in variable) || !isAllValue((variable.current as { value?: unknown } | undefined)?.value)) {
    return false;
  }
  // All reaches the formatter as the list of all options, or not at all when it has a custom value.
  let ownValue = false;
  templateSrv.replace(`\${${name}}`, scopedVars, (value: unknown, _: VariableTraits) => {
    ownValue = !Array.isArray(value) && value !== ALL;
    return '';
  });
  return !ownValue;
}

function isAllValue(value: unknown): boolean {
  return value === ALL || (Array.isArray(value) && value[0] === ALL);
}
