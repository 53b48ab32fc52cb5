// Runs in a page of another site: every way that a page has to send a request to an address, each of which tells what the page can see
// of the answer. Each takes an address and resolves to a text.
const PATIENCE_MS = 4_000;

let made = 0;
/** A name that no other frame or window has. */
const unique = () => `other-${made++}`;

/** The first of the events, or `nothing`. */
const first = (target, events = ['load', 'error']) =>
  new Promise((done) => {
    events.forEach((event) => target.addEventListener(event, () => done(event), { once: true }));
    setTimeout(() => done('nothing'), PATIENCE_MS);
  });

/** Adds an element and waits for what it says. */
function add(tag, attributes, { parent = document.body, events } = {}) {
  const made = document.createElement(tag);
  const seen = first(made, events);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  parent.append(made);
  return seen;
}
const link = (attributes) => (href) => add('link', { href, ...attributes }, { parent: document.head });
const preload = (as, more = {}) => link({ rel: 'preload', as, ...more });

/** What can be seen of a frame or window. */
function look(other) {
  try {
    return `at ${other.location.href}`;
  } catch {
    return `elsewhere with ${other.length} frames`;
  }
}

/** Adds a frame, does something with it and looks at what comes into it. */
async function frame(attributes, { tag = 'iframe', act } = {}) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  if (act) {
    // First the blank page, which a frame has at once.
    document.body.append(made);
  }
  const seen = first(made);
  act ? act() : document.body.append(made);
  return `${await seen} ${made.contentWindow ? look(made.contentWindow) : 'no window'}`;
}

/** What becomes of a window: out of reach, elsewhere, or still blank, as it stays with a download. */
async function watch(other) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end && !other.closed; ) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return other.closed ? 'out of reach' : look(other);
}

/** Sends a form to a frame or a window with the name `target`. */
function submit(action, method, target) {
  const form = Object.assign(document.createElement('form'), { method, target, enctype: 'text/plain' });
  const { origin, pathname, searchParams } = new URL(action);
  form.action = method === 'get' ? origin + pathname : action;
  for (const [name, value] of searchParams) {
    form.append(Object.assign(document.createElement('input'), { name, value, type: 'hidden' }));
  }
  document.body.append(form);
  form.submit();
}

/** Lets the browser fetch ahead what may be visited next; nothing tells what came. */
async function speculate(kind, url) {
  const rules = { [kind]: [{ source: 'list', urls: [url], eagerness: 'immediate' }] };
  const script = Object.assign(document.createElement('script'), { type: 'speculationrules', textContent: JSON.stringify(rules) });
  document.head.append(script);
  // It begins behind its own queue, and ends with the page.
  await new Promise((done) => setTimeout(done, 500));
  return `${performance.getEntriesByName(url).length} entries`;
}

const settled = (promise) =>
  promise.then(
    (value) => `fulfilled: ${value instanceof Response ? `${value.type} ${value.status}` : typeof value}`,
    (error) => `rejected: ${error.name}`
  );

/** Runs a text in a worker of its own. */
async function worker(text) {
  const made = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
  const said = new Promise((done) => (made.onmessage = ({ data }) => done(data)));
  return Promise.race([said, first(made, ['error'])]);
}

/** Runs a page without an origin, which says what it sees. */
async function originless(body) {
  const said = new Promise((done) => addEventListener('message', ({ data }) => done(data), { once: true }));
  const made = document.createElement('iframe');
  made.sandbox = 'allow-scripts';
  made.srcdoc = body;
  document.body.append(made);
  return Promise.race([said, new Promise((done) => setTimeout(() => done('nothing'), PATIENCE_MS))]);
}
const telling = 'onload="parent.postMessage(\'load\', \'*\')" onerror="parent.postMessage(\'error\', \'*\')"';

/** By way of our own server, which sends the browser on. */
const sent = (url) => `/redirect?to=${encodeURIComponent(url)}`;

window.attacks = {
  '<link rel=prefetch>': link({ rel: 'prefetch' }),
  '<link rel=prefetch crossorigin>': link({ rel: 'prefetch', crossorigin: '' }),
  '<link rel=preload as=image>': preload('image'),
  '<link rel=preload as=script>': preload('script'),
  '<link rel=preload as=style>': preload('style'),
  '<link rel=preload as=fetch>': preload('fetch', { crossorigin: '' }),
  '<link rel=modulepreload>': link({ rel: 'modulepreload' }),
  '<link rel=stylesheet>': link({ rel: 'stylesheet' }),
  '<img>': (src) => add('img', { src }),
  '<img crossorigin>': (src) => add('img', { src, crossorigin: '' }),
  '<svg> with <image>': (url) => {
    const image = document.createElementNS('http://www.w3.org/2000/svg', 'image');
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const seen = first(image);
    image.setAttribute('href', url);
    svg.append(image);
    document.body.append(svg);
    return seen;
  },
  '<input type=image>': (src) => add('input', { type: 'image', src }),
  '<script>': (src) => add('script', { src }),
  '<script type=module>': (src) => add('script', { src, type: 'module' }),
  'import()': (url) => settled(import(url)),
  '<video>': (src) => add('video', { src, preload: 'auto' }, { events: ['loadedmetadata', 'error'] }),
  '<audio>': (src) => add('audio', { src, preload: 'auto' }, { events: ['loadedmetadata', 'error'] }),
  '@import': (url) => {
    const style = document.createElement('style');
    const seen = first(style);
    style.textContent = `@import url("${url}");`;
    document.head.append(style);
    return seen;
  },
  '@font-face': (url) => settled(new FontFace('attack', `url("${url}")`).load()),
  '<iframe>': (src) => frame({ src }),
  '<iframe sandbox>': (src) => frame({ src, sandbox: '' }),
  '<object>': (data) => frame({ data, type: 'text/html' }, { tag: 'object' }),
  '<embed>': (src) => frame({ src, type: 'text/html' }, { tag: 'embed' }),
  'an image in a page without an origin': (url) => originless(`<img src="${url}" ${telling}>`),
  'a prefetch in a page without an origin': (url) => originless(`<link rel=prefetch href="${url}" ${telling}>`),
  'fetch': (url) => settled(fetch(url)),
  'fetch without CORS': (url) => settled(fetch(url, { mode: 'no-cors' })),
  'fetch that outlives the page': (url) => settled(fetch(url, { mode: 'no-cors', keepalive: true })),
  'POST with fetch': (url) => settled(fetch(url, { mode: 'no-cors', method: 'POST', body: '{}' })),
  'POST that asks first': (url) =>
    settled(fetch(url, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } })),
  'XMLHttpRequest': (url) => {
    const request = new XMLHttpRequest();
    const seen = first(request);
    request.open('GET', url);
    request.send();
    return seen;
  },
  'EventSource': async (url) => {
    const source = new EventSource(url);
    const seen = await first(source, ['open', 'error']);
    source.close();
    return seen;
  },
  'WebSocket': (url) => first(new WebSocket(url.replace('http:', 'ws:')), ['open', 'error']),
  'sendBeacon': async (url) => `${navigator.sendBeacon(url, '{}')}`,
  'a prefetch by speculation rules': (url) => speculate('prefetch', url),
  'a prerendering by speculation rules': (url) => speculate('prerender', url),
  '<a ping>': (ping, target = unique()) =>
    frame({ name: target }, { act: () => Object.assign(document.createElement('a'), { href: '/', ping, target }).click() }),
  'importScripts in a worker': (url) =>
    worker(`try { importScripts(${JSON.stringify(url)}); postMessage('done') } catch (error) { postMessage(error.name) }`),
  'fetch in a worker': (url) =>
    worker(`fetch(${JSON.stringify(url)}, { mode: 'no-cors' }).then((a) => postMessage(a.type), (e) => postMessage(e.name))`),
  'a redirected image': (url) => add('img', { src: sent(url) }),
  'a redirected prefetch': (url) => link({ rel: 'prefetch' })(sent(url)),
  'a redirected frame': (url) => frame({ src: sent(url) }),
  'a form that gets into a frame': (url, name = unique()) => frame({ name }, { act: () => submit(url, 'get', name) }),
  'a form that posts into a frame': (url, name = unique()) => frame({ name }, { act: () => submit(url, 'post', name) }),
  'window.open': (url) => watch(window.open(url)),
  'a redirected window': (url) => watch(window.open(sent(url))),
  'a window that is sent on': (url) => {
    const other = window.open('about:blank');
    other.location = url;
    return watch(other);
  },
  'a form that posts into a window': (url, name = unique()) => {
    const other = window.open('about:blank', name);
    submit(url, 'post', name);
    return watch(other);
  },
};
