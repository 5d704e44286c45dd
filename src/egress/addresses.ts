import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as a number, so that a range is two comparisons. Only {@link parseAddress} makes one. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface AddressRange {
  /** As it was written, for messages. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

const parseV4 = (text: string): bigint =>
  text.split('.').reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n);

const parseV6 = (text: string): bigint => {
  // The last 32 bits may be dotted (RFC 4291, 2.2.3): two groups take their place.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let groups = text;
  if (dotted?.[1] !== undefined && dotted[2] !== undefined) {
    const low = parseV4(dotted[2]);
    groups = `${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  }
  const [head = '', tail] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
};

/**
 * Reads one address in its exact form: four decimal parts, or IPv6 with or without brackets. Short, octal and
 * hexadecimal IPv4 forms are no addresses here: the URL parser has made them dotted before, or they are names.
 * An address with a zone id (`fe80::1%eth0`) is none either: a zone only makes sense for what is never reached.
 */
export const parseAddress = (text: string): Address | undefined => {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (isIPv4(bare)) return { family: 4, value: parseV4(bare) };
  if (isIPv6(bare) && !bare.includes('%')) return { family: 6, value: parseV6(bare) };
  return undefined;
};

/** Reads `10.0.0.0/8` or a single address; undefined: it is neither. Bits behind the prefix are ignored. */
export const parseRange = (text: string): AddressRange | undefined => {
  const [address = '', prefix, ...rest] = text.trim().split('/');
  const base = parseAddress(address);
  if (base === undefined || rest.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix)))
    return undefined;
  const bits = BITS[base.family];
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) return undefined;
  const size = 1n << BigInt(bits - length);
  const first = base.value - (base.value % size);
  return { text: text.trim(), family: base.family, first, last: first + size - 1n };
};

export const contains = (range: AddressRange, address: Address): boolean =>
  range.family === address.family && address.value >= range.first && address.value <= range.last;

const knownRange = (text: string): AddressRange => {
  const range = parseRange(text);
  if (range === undefined) throw new Error(`not an address range: ${text}`);
  return range;
};

const named = (
  rows: readonly (readonly [range: string, kind: string])[],
): readonly (readonly [AddressRange, string])[] =>
  rows.map(([range, kind]) => [knownRange(range), kind] as const);

/** Where clouds hand out credentials, and their name and time servers. No setting opens these. */
const METADATA = named([
  ['169.254.169.0/24', 'a cloud metadata address'],
  ['169.254.170.0/24', 'a cloud metadata address'],
  ['168.63.129.16', 'a cloud metadata address'],
  ['100.100.100.200', 'a cloud metadata address'],
  ['192.0.0.192', 'a cloud metadata address'],
  ['fd00:ec2::/32', 'a cloud metadata address'],
  ['fd20:ce::/32', 'a cloud metadata address'],
  ['fd00:42::42', 'a cloud metadata address'],
  ['fe80::a9fe:a9fe', 'a cloud metadata address'],
]);

/** IANA's special-purpose registry (RFC 6890 and its successors), and what is not for hosts. */
const CLOSED_V4 = named([
  ['0.0.0.0/8', 'an address of this network'],
  ['10.0.0.0/8', 'a private address'],
  ['100.64.0.0/10', 'a carrier-grade NAT address'],
  ['127.0.0.0/8', 'a loopback address'],
  ['169.254.0.0/16', 'a link-local address'],
  ['172.16.0.0/12', 'a private address'],
  ['192.0.0.0/24', 'a protocol assignment'],
  ['192.0.2.0/24', 'a documentation address'],
  ['192.88.99.0/24', 'a 6to4 relay address'],
  ['192.168.0.0/16', 'a private address'],
  ['198.18.0.0/15', 'a benchmarking address'],
  ['198.51.100.0/24', 'a documentation address'],
  ['203.0.113.0/24', 'a documentation address'],
  ['224.0.0.0/4', 'a multicast address'],
  ['240.0.0.0/4', 'a reserved address'],
]);

/** Only this part of IPv6 is routed on the Internet… */
const GLOBAL_V6 = knownRange('2000::/3');

/** …less these. */
const CLOSED_V6 = named([
  ['2001::/23', 'a protocol assignment'],
  ['2001:db8::/32', 'a documentation address'],
  ['2002::/16', 'a 6to4 address'],
  ['3fff::/20', 'a documentation address'],
]);

/** What the closed rest of IPv6 is, for the message; whatever is not here is `not a global address`. */
const KINDS_V6 = named([
  ['::/128', 'the unspecified address'],
  ['::1/128', 'a loopback address'],
  ['::ffff:0:0/96', 'an IPv4-mapped address'],
  ['::ffff:0:0:0/96', 'an IPv4-translated address'],
  ['64:ff9b::/96', 'a NAT64 address'],
  ['64:ff9b:1::/48', 'a NAT64 address'],
  ['fc00::/7', 'a private address'],
  ['fe80::/10', 'a link-local address'],
  ['fec0::/10', 'a site-local address'],
  ['ff00::/8', 'a multicast address'],
]);

/** ISATAP (RFC 5214): the interface part says `5efe` and an IPv4 address, whatever the prefix. */
const isIsatap = ({ value }: Address): boolean => {
  const marker = (value >> 32n) & 0xffffffffn;
  return marker === 0x00005efen || marker === 0x02005efen;
};

const EMBEDDING: readonly (readonly [AddressRange, (value: bigint) => bigint])[] = [
  [knownRange('::/96'), (value) => value],
  [knownRange('::ffff:0:0/96'), (value) => value],
  [knownRange('::ffff:0:0:0/96'), (value) => value],
  [knownRange('64:ff9b::/96'), (value) => value],
  [knownRange('64:ff9b:1::/48'), (value) => value],
  [knownRange('2002::/16'), (value) => value >> 80n],
  // Teredo hides it by inverting the bits (RFC 4380).
  [knownRange('2001::/32'), (value) => ~value],
];

/** The IPv4 addresses that an IPv6 address stands for in a transition mechanism. */
const embeddedV4 = (address: Address): readonly Address[] => {
  if (address.family === 4) return [];
  const found = EMBEDDING.filter(([range]) => contains(range, address)).map(([, take]) =>
    take(address.value),
  );
  if (isIsatap(address)) found.push(address.value);
  return found.map((value) => ({ family: 4, value: value & 0xffffffffn }));
};

const kindIn = (rows: readonly (readonly [AddressRange, string])[], address: Address): string | undefined =>
  rows.find(([range]) => contains(range, address))?.[1];

const closedKind = (address: Address): string | undefined => {
  if (address.family === 4) return kindIn(CLOSED_V4, address);
  if (!contains(GLOBAL_V6, address)) return kindIn(KINDS_V6, address) ?? 'not a global address';
  return kindIn(CLOSED_V6, address) ?? (isIsatap(address) ? 'an ISATAP address' : undefined);
};

export type AddressVerdict =
  /** `byAllow`: only because a range of `egress_allow` holds it. */
  | { readonly open: true; readonly byAllow: boolean }
  /** `kind` reads after "is": `a loopback address`. `allowable`: `egress_allow` could open it. */
  | { readonly open: false; readonly kind: string; readonly allowable: boolean };

/** Whether an address may be connected to. Pure; the one place where this is decided. */
export const judgeAddress = (address: Address, allow: readonly AddressRange[]): AddressVerdict => {
  const metadata = [address, ...embeddedV4(address)]
    .map((one) => kindIn(METADATA, one))
    .find((kind) => kind !== undefined);
  if (metadata !== undefined) return { open: false, kind: metadata, allowable: false };
  if (allow.some((range) => contains(range, address))) return { open: true, byAllow: true };
  const kind = closedKind(address);
  return kind === undefined ? { open: true, byAllow: false } : { open: false, kind, allowable: true };
};
