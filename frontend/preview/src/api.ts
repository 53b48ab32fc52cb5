import { Dashboard, Field, Frame } from './dashboard';
import { h } from './dom';

/** An error for a person: what happened, and what to do next. */
const failure = (message: string, hint?: string) => Object.assign(new Error(message), { hint });

/** Where a token is kept: for this tab alone. */
const KEY = 'duckdb-perf-token';
let asking: Promise<void> | null = null;

/** Whether requests carry a token, so that a plain link would not do. */
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { ...init, headers }).catch((error) => {
      throw error.name === 'AbortError' ? error : failure('the server does not answer', 'Is it still running?');
    });
    if (response.status !== 401) {
      return response;
    }
    // Several requests find out at once; the person is asked once.
    if (token === sessionStorage.getItem(KEY)) {
      asking ??= askForToken(token !== null).finally(() => (asking = null));
      await asking;
    }
  }
}

async function json<T>(response: Response): Promise<T> {
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw failure(body?.message ?? `the server answers with status ${response.status}`, body?.hint);
  }
  return body;
}

export const dashboard = async () => json<Dashboard>(await request('/api/dashboard.json'));

export async function health(signal: AbortSignal): Promise<{ ok: boolean; message: string }> {
  const response = await request('/readyz', { signal }).catch(() => null);
  const body = await response?.json().catch(() => null);
  return { ok: response?.ok ?? false, message: body?.message ?? 'The server does not answer.' };
}

export async function query(query: Record<string, unknown>, signal: AbortSignal): Promise<Frame> {
  type Schema = { meta?: Partial<Frame>; fields: Array<Omit<Field, 'values'>> };
  const body = JSON.stringify({ ...query, as: 'frame' });
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, signal };
  const { schema, data } = await json<{ schema: Schema; data: { values: unknown[][] } }>(
    await request('/api/query', init)
  );
  const fields = schema.fields.map((field, at) => ({ ...field, values: data.values[at] ?? [] }));
  return { fields, notices: schema.meta?.notices ?? [] };
}

/** Saves what a plain link would, where a link cannot carry the token. */
export async function download(path: string) {
  const response = await request(path);
  const named = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '');
  const address = URL.createObjectURL(response.ok ? await response.blob() : await json<Blob>(response));
  h('a', { href: address, download: named?.[1] ?? 'reports.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function askForToken(again: boolean): Promise<void> {
  return new Promise((done) => {
    const input = h('input', { type: 'password', 'aria-label': 'Token', autocomplete: 'off' }) as HTMLInputElement;
    const why = again ? 'The token was not accepted.' : 'It is kept for this tab only.';
    const button = h('button.primary', 'Continue');
    const form = h('form', { method: 'dialog' }, h('h2', 'This server needs a token'), h('p', why), input, button);
    const dialog = h('dialog', { oncancel: (event: Event) => event.preventDefault() }, form) as HTMLDialogElement;
    dialog.addEventListener('close', () => {
      sessionStorage.setItem(KEY, input.value.trim());
      dialog.remove();
      done();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
