// Questions to the server of a live page.

/** @param {string} path @param {string} [known] version that need not be sent again */
export async function ask(path, known) {
  const response = await fetch(path, known === undefined ? {} : { headers: { 'If-None-Match': known } });
  if (response.status === 304) return undefined;
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return { body, version: response.headers.get('ETag') ?? undefined };
}
