import { readArguments, skipQuoted } from './scan';

const NAME = '$__conditionalAll';

/** Whether the variable is set to All; undefined for a name that is no variable. */
export type IsAll = (variable: string) => boolean | undefined;

/**
 * Replaces `$__conditionalAll(condition, $variable)` by `1=1` where the variable is All, else by the condition in
 * parentheses. It must run before template variables are replaced, since afterwards nobody can tell All from a list.
 * A call that is not understood stays as it is, so that the backend can say what is wrong with it.
 */
export function expandConditionalAll(sql: string, isAll: IsAll): string {
  let out = '';
  for (let i = 0; i < sql.length;) {
    const end = skipQuoted(sql, i);
    if (end > i) {
      out += sql.slice(i, end);
      i = end;
      continue;
    }
    const call = sql.startsWith(`${NAME}(`, i) ? readArguments(sql, i + NAME.length) : undefined;
    const variable = call && call.args.length > 1 ? variableName(call.args[call.args.length - 1]) : undefined;
    const all = variable === undefined ? undefined : isAll(variable);
    if (!call || all === undefined) {
      out += sql[i];
      i += 1;
      continue;
    }
    // Commas at the top level of the condition belong to it.
    const condition = call.args.slice(0, -1).join(', ');
    // A line comment at its end must not swallow the parenthesis.
    const close = condition.includes('--') ? '\n)' : ')';
    out += all ? '1=1' : `(${expandConditionalAll(condition, isAll)}${close}`;
    i = call.end;
  }
  return out;
}

/** The name in `$name`, `${name}`, `${name:format}` and `[[name]]`, also between quotes. */
function variableName(text: string): string | undefined {
  const bare = text.replace(/^(['"])(.*)\1$/, '$2');
  const match = /^\$(\w+)$|^\$\{(\w+)(?::[^}]+)?\}$|^\[\[(\w+)(?::\w+)?\]\]$/.exec(bare);
  return match?.[1] ?? match?.[2] ?? match?.[3];
}
