import { CrucibleError } from '../kernel/errors.ts';
import type { Issue } from '../kernel/errors.ts';
import { judgeAddress, parseAddress, parseRange } from './addresses.ts';
import type { AddressRange } from './addresses.ts';
import type { EgressPolicy } from './egress.ts';

/** Where a request goes, after everything that can be decided without asking a name server. */
interface Destination {
  readonly url: URL;
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The host is an address itself: nothing is resolved. */
  readonly literal: boolean;
}

/** `reason` is a sentence without a full stop; it names host and port, never a path or query: these may hold secrets. */
export type Judged<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

/** The rules of an {@link EgressPolicy}, as pure functions. */
export interface Guard {
  judgeUrl(url: string): Judged<Destination>;
  /** The addresses that may be connected to, out of all that the name resolved to. */
  judgeAddresses(host: string, port: number, addresses: readonly string[]): Judged<readonly string[]>;
}

/** Services that speak no HTTP, or speak it without asking who is there, and must not be talked to by a forged request. */
const WELL_KNOWN_SERVICES = new Set([
  1080, 1433, 1434, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2377, 2379, 2380, 3128, 3260, 3268, 3269,
  3306, 3389, 4369, 5060, 5061, 5222, 5269, 5432, 5433, 5671, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6380,
  6443, 6665, 6666, 6667, 6668, 6669, 6697, 7000, 7001, 7199, 7233, 8086, 8500, 8600, 9042, 9092, 9160, 9200,
  9300, 9418, 10250, 10255, 10256, 11211, 15672, 16379, 26379, 26257, 27017, 27018, 27019, 28015, 28017,
  50000, 50070, 61613, 61616,
]);

const portOpen = (policy: EgressPolicy, port: number): boolean => {
  if (policy.ports !== undefined) return policy.ports.includes(port);
  return port === 80 || port === 443 || (port >= 1024 && !WELL_KNOWN_SERVICES.has(port));
};

const LOOPBACK = ['127.0.0.1', '::1'];
/** `localhost` is this machine by definition (RFC 6761): both its addresses are the same place. */
const isLocalhost = (host: string): boolean => /^(?:.+\.)?localhost\.?$/i.test(host);

// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0020\u007f\u00a0\u2028\u2029\ufeff]/;

/** @throws CrucibleError `config_invalid` for ranges of `allow` and ports that cannot be read, all at once */
export const createGuard = (policy: EgressPolicy): Guard => {
  const issues: Issue[] = [];
  const allow: AddressRange[] = [];
  policy.allow.forEach((text, index) => {
    const range = parseRange(text);
    if (range === undefined) {
      issues.push({
        path: `egress_allow.${index}`,
        message: `"${text}" is not an address range`,
        hint: 'Write a range such as 127.0.0.0/8 or ::1/128.',
      });
    } else allow.push(range);
  });
  policy.ports?.forEach((port, index) => {
    if (Number.isInteger(port) && port > 0 && port < 65_536) return;
    issues.push({
      path: `egress_ports.${index}`,
      message: `${port} is not a port`,
      hint: 'Ports are whole numbers from 1 to 65535.',
    });
  });
  if (issues.length > 0)
    throw new CrucibleError('config_invalid', 'The egress policy cannot be used', { issues });

  const refusedPort = (host: string, port: number): Judged<never> => ({
    ok: false,
    reason: `port ${port} of ${host} is not open`,
    hint:
      policy.ports === undefined
        ? 'Use 80, 443, or a port from 1024 up that belongs to no well-known service; or name it in egress_ports (CRUCIBLE_EGRESS_PORTS).'
        : 'If this is meant, add it to egress_ports (CRUCIBLE_EGRESS_PORTS).',
  });

  const judgeAddresses = (
    host: string,
    port: number,
    addresses: readonly string[],
  ): Judged<readonly string[]> => {
    const open: string[] = [];
    const refused: Judged<never>[] = [];
    for (const text of addresses) {
      const address = parseAddress(text);
      const what = text === host ? text : `${host} resolves to ${text}, which`;
      if (address === undefined) {
        refused.push({
          ok: false,
          reason: `${what} is not an address that can be checked`,
          hint: 'Use a name with a plain global address.',
        });
        continue;
      }
      const verdict = judgeAddress(address, allow);
      if (!verdict.open) {
        refused.push({
          ok: false,
          reason: `${what} is ${verdict.kind}`,
          hint: verdict.allowable
            ? 'If this is meant, add its range to egress_allow (CRUCIBLE_EGRESS_ALLOW).'
            : 'Metadata addresses stay closed whatever egress_allow says.',
        });
      } else if (!portOpen(policy, port) && !(verdict.byAllow && policy.anyPortInAllowed)) {
        refused.push(refusedPort(host, port));
      } else open.push(text);
    }
    // A name with one private address among public ones is refused whole: that is what a rebinding name looks like.
    const [first] = refused;
    return first === undefined || (open.length > 0 && isLocalhost(host)) ? { ok: true, value: open } : first;
  };

  const judgeUrl = (text: string): Judged<Destination> => {
    // The URL parser drops tabs and line breaks without a word, and others would read another host than we do.
    if (UNSEEN.test(text) || text.includes('\\')) {
      return {
        ok: false,
        reason: 'the URL holds white space, a control character or a backslash',
        hint: 'Encode it, or take it out.',
      };
    }
    if (!URL.canParse(text))
      return { ok: false, reason: 'this is not a URL', hint: 'Write it as https://host/path.' };
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      return { ok: false, reason: `the scheme ${url.protocol} is not open`, hint: 'Use http or https.' };
    }
    if (url.username !== '' || url.password !== '') {
      return {
        ok: false,
        reason: 'the URL holds a user name or password',
        hint: 'Send credentials in a header.',
      };
    }
    const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    const literal = parseAddress(hostname) !== undefined;
    if (literal) {
      const judged = judgeAddresses(hostname, port, [hostname]);
      if (!judged.ok) return judged;
    } else if (isLocalhost(hostname)) {
      // Judged now, whether or not this machine's resolver knows the name: another's may.
      const judged = judgeAddresses(hostname, port, LOOPBACK);
      if (!judged.ok) return judged;
    } else if (!portOpen(policy, port) && !(policy.anyPortInAllowed && allow.length > 0)) {
      return refusedPort(hostname, port);
    }
    return { ok: true, value: { url, hostname, port, literal } };
  };

  return { judgeUrl, judgeAddresses };
};
