/** One line chart as an SVG that is readable on a light and a dark background. */
export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  /** Whether the x axis is logarithmic. */
  isLogarithmic: boolean;
  lines: { name: string; points: [x: number, y: number][] }[];
}

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 64;
const BOTTOM = 48;
const TOP = 40;
const RIGHT = 24;
const COLORS = ["#3b82f6", "#f97316", "#22c55e"];

export function svgOf({ title, xLabel, yLabel, isLogarithmic, lines }: Chart): string {
  const all = lines.flatMap(({ points }) => points);
  const along = (x: number) => (isLogarithmic ? Math.log2(Math.max(x, 1)) : x);
  const most = Math.max(...all.map(([x]) => along(x)), 1);
  const least = isLogarithmic ? Math.min(...all.map(([x]) => along(x))) : 0;
  const top = niceAbove(Math.max(...all.map(([, y]) => y)));
  const atX = (x: number) => LEFT + ((along(x) - least) / (most - least || 1)) * (WIDTH - LEFT - RIGHT);
  const atY = (y: number) => HEIGHT - BOTTOM - (y / top) * (HEIGHT - BOTTOM - TOP);
  const text = (x: number, y: number, anchor: string, words: string, size = 12) =>
    `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}">${escaped(words)}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(atY(top * share))}" y2="${round(atY(top * share))}" stroke="#888" stroke-opacity="0.3"/>`,
    text(LEFT - 8, atY(top * share) + 4, "end", short(top * share)),
  ]);
  const ticks = [...new Set(all.map(([x]) => x))].map((x) =>
    text(atX(x), HEIGHT - BOTTOM + 18, "middle", short(x)),
  );
  const drawn = lines.flatMap(({ name, points }, at) => {
    const color = COLORS[at % COLORS.length];
    const path = points.map(([x, y]) => `${round(atX(x))},${round(atY(y))}`).join(" ");
    const dots = points.map(
      ([x, y]) => `<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3" fill="${color}" stroke="none"/>`,
    );
    const label = `<text x="${WIDTH - RIGHT}" y="${TOP + 4 + at * 16}" text-anchor="end" font-size="12" fill="${color}">${escaped(name)}</text>`;
    return [`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`, ...dots, label];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" fill="#888">`,
    `<title>${title}</title>`,
    text(WIDTH / 2, 18, "middle", title, 14),
    ...grid,
    ...ticks,
    text(WIDTH / 2, HEIGHT - 8, "middle", xLabel),
    `<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle" font-size="12">${escaped(yLabel)}</text>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return unit * ([1, 1.5, 2, 3, 4, 5, 8, 10].find((step) => step * unit >= value) ?? 10);
}

function short(value: number): string {
  if (value >= 1_000_000) return `${round(value / 1_000_000)}M`;
  if (value >= 1000) return `${round(value / 1000)}k`;
  return String(round(value));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
