import { uuidv7 } from 'uuidv7';

/** The prefixes of our ids: one for each kind of thing, so that an id says what it names. */
export type IdPrefix = 'evt' | 'cor' | 'run' | 'whk' | 'key' | 'req' | 'srv' | 'cmt' | 'msg' | 'mail';

/** Makes a fresh id. A dependency of whatever makes ids, so that tests can make them predictable. */
export type NewId = (prefix: IdPrefix) => string;

/** `<prefix>_<UUIDv7>`: unique, URL-safe, and sorted by the time it was made (RFC 9562). */
export const newId: NewId = (prefix) => `${prefix}_${uuidv7()}`;

const UUID_V7 = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';

/** The pattern of an id with this prefix, for schemas. */
export const idPattern = (prefix: IdPrefix): RegExp => new RegExp(`^${prefix}_${UUID_V7}$`);
