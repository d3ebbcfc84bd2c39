// Who may ask: pages of other sites may not, even where a name of theirs leads to this machine (DNS rebinding).
import { isIP } from 'node:net';

/** Names that always mean this machine. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** The host part of a Host header, in lower case, without its port; `undefined` for what is none. */
export function hostName(header: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(header ?? '')?.[1]?.toLowerCase();
}

/**
 * Whether a request names this server: by a name of this machine, by the address that it listens on, or, where it
 * listens on every address, by any address in figures. A name that merely resolves to this machine is turned away.
 */
export function isOwnHost(header: string | undefined, listensOn: string): boolean {
  const name = hostName(header);
  if (name === undefined) return false;
  const own = isIP(listensOn) === 6 ? `[${listensOn}]` : listensOn.toLowerCase();
  if (LOCAL_NAMES.includes(name) || name === own) return true;
  const isEverywhere = listensOn === '0.0.0.0' || listensOn === '::';
  return isEverywhere && isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}
