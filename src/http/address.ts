import { isIPv6 } from 'node:net';

const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The first four groups of an IPv6 address; the rest is for its holder to choose. */
const network = (address: string): string => {
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end stands for two groups.
  const given = left.length + right.length + (address.includes('.') ? 1 : 0);
  const middle = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - given) }, () => '0');
  const groups = [...left, ...middle, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
};

/**
 * Whom to count requests for: an IPv4 address, or the /64 network of an IPv6 one, of which one holder has all
 * 2^64 addresses.
 * @param address as the connection or a trusted proxy says it
 */
export const clientOf = (address: string | undefined): string => {
  if (address === undefined) return 'unknown';
  const plain = address.split('%')[0] ?? address;
  const mapped = IPV4_IN_IPV6.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(plain) ? network(plain) : plain;
};
