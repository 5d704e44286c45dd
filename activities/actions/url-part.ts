/** The text up to here holds a whole authority: what follows is path, query or fragment (RFC 3986, section 3). */
const PAST_AUTHORITY = /^https?:\/\/[^/?#]+[/?#]/i;

/**
 * How a template stands in a URL: as one component, whatever is in it, so that an event can neither go on with another
 * path nor add a parameter. A template in which the address itself stands is left as it is, and so is one that is the
 * whole URL: the guard judges where that leads.
 */
export const urlPart = (text: string, before: string): string => {
  if (!PAST_AUTHORITY.test(before)) return text;
  // As a segment of a path, `.` and `..` mean another path however they are encoded.
  if (/^\.{1,2}$/.test(text) && before.endsWith('/') && !/[?#]/.test(before)) return '';
  return encodeURIComponent(text.toWellFormed());
};
