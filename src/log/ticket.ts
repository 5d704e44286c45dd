/**
 * Stands for a request while others are decided upon what it will leave. The log says in it what has become of the
 * request, in the turn in which the request has its answer; `void`: it wrote nothing.
 */
export interface Ticket {
  outcome: 'waiting' | 'written' | 'void';
}
