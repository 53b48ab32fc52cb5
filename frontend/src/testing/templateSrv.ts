import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

export interface FakeVariable {
  value: unknown;
  options?: string[];
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
}

type Formatter = (value: unknown, variable: object) => string;

/** Template variables as Grafana replaces them: in one pass, All as the list of options, an own format first. */
export function fakeTemplateSrv(variables: Record<string, FakeVariable>): TemplateSrv {
  const replace = (text = '', scopedVars: ScopedVars = {}, format?: string | Formatter) =>
    text.replace(
      /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\${(\w+)(?::([^}]+))?}/g,
      (match, plain, square, squareFormat, braced, bracedFormat) => {
        const name = plain ?? square ?? braced;
        const scoped = scopedVars[name];
        const variable: FakeVariable | undefined = scoped ? { value: scoped.value } : variables[name];
        if (!variable) {
          return match;
        }
        const isAll = [variable.value].flat()[0] === '$__all';
        if (isAll && variable.allValue) {
          return variable.allValue;
        }
        const value = isAll ? variable.options : variable.value;
        const ownFormat = squareFormat ?? bracedFormat;
        if (ownFormat) {
          return ownFormat === 'raw' ? String(value) : `<${ownFormat}:${value}>`;
        }
        return typeof format === 'function'
          ? format(value, { name, multi: variable.multi, includeAll: variable.includeAll })
          : String(value);
      }
    );
  const getVariables = () =>
    Object.entries(variables).map(([name, { value }]) => ({ name, type: 'query', current: { value } }));
  return { replace, getVariables } as unknown as TemplateSrv;
}
