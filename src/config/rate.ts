/** How much may be asked: `perWindow` in each window of `windowMs`, and `burst` more within ten windows. */
export interface Rate {
  readonly perWindow: number;
  readonly windowMs: number;
  readonly burst: number;
}

const WINDOWS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** `off`, `100/s`, `20/m`, `1000/h`, each with an optional `+50` of burst. */
export const RATE = /^(?:off|[1-9]\d{0,8}\/[smh](?:\+\d{1,9})?)$/;

/** @param text matches {@link RATE}. Undefined: no limit */
export const parseRate = (text: string): Rate | undefined => {
  const [, perWindow, unit = '', burst = '0'] = /^(\d+)\/([smh])(?:\+(\d+))?$/.exec(text) ?? [];
  const windowMs = WINDOWS_MS[unit];
  if (perWindow === undefined || windowMs === undefined) return undefined;
  return { perWindow: Number(perWindow), windowMs, burst: Number(burst) };
};
