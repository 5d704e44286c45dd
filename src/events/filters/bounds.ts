/** What one list of filters may cost. A filter is run against every event of its types, so its size is everybody's. */
export const MAX_FILTERS = 100;
/** Conditions of one filter; each value of an `in` counts. */
export const MAX_TERMS = 200;
export const MAX_PATH_LENGTH = 512;
export const MAX_PATH_DEPTH = 16;
/** Characters of an operand, as JSON. */
export const MAX_OPERAND_LENGTH = 16_384;
