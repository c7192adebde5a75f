/** The style sheet of the pipeline page: light and dark, for a phone and for a wide screen, without any external resource. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f4f5f7, #0e1116);
  --card: light-dark(#ffffff, #161b22);
  --line: light-dark(#e2e5ea, #2a313c);
  --track: light-dark(#eceff3, #212834);
  --text: light-dark(#1b2027, #e6eaf0);
  --soft: light-dark(#5b6572, #98a3b3);
  --success: light-dark(#14804a, #3fb974);
  --unchanged: light-dark(#4b6fb5, #7b9de0);
  --failure: light-dark(#c5303a, #f0666d);
  --skipped: light-dark(#9a6700, #d8a33c);
  --idle: light-dark(#8a94a1, #626d7d);
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 60rem; margin: 0 auto; display: grid; gap: 1.25rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { margin: 0 0 1rem; font-size: 1rem; font-weight: 650; }
h3 { margin: 1.25rem 0 0.5rem; font-size: 0.9rem; color: var(--soft); font-weight: 600; }
h2 + h3 { margin-top: 0; }
p { margin: 0; }
.note { margin: 0 0 1rem; padding: 0.6rem 0.9rem; border-radius: 8px; background: color-mix(in srgb, var(--tone) 10%, transparent); overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.85em; }
code { overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.35rem 1.5rem; }
.soft { color: var(--soft); }
.hero { display: flex; flex-wrap: wrap; gap: 0.9rem 1.5rem; align-items: center; justify-content: space-between; }
.hero p { margin-top: 0.35rem; color: var(--soft); }
.verdict {
  display: inline-flex; align-items: center; gap: 0.55rem; padding: 0.5rem 1.1rem; border-radius: 999px; font-weight: 650;
  color: var(--tone); background: color-mix(in srgb, var(--tone) 13%, transparent); white-space: nowrap;
}
.verdict::before { content: ""; width: 0.65rem; height: 0.65rem; border-radius: 50%; background: var(--tone); }
.success { --tone: var(--success); } .unchanged { --tone: var(--unchanged); }
.failure { --tone: var(--failure); } .skipped { --tone: var(--skipped); }
.stages { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.95rem; }
.stages li { display: grid; grid-template-columns: 13.5rem 1fr 5.2rem; gap: 0.1rem 1rem; align-items: center; }
.stages .name { font-weight: 600; display: flex; gap: 0.6rem; align-items: center; }
.mark {
  flex: none; width: 1.15rem; height: 1.15rem; border-radius: 50%; background: var(--tone); color: var(--card);
  font-size: 0.72rem; font-weight: 800; line-height: 1.15rem; text-align: center;
}
.idle { --tone: var(--idle); } .idle .name { color: var(--soft); font-weight: 500; }
.track { height: 0.65rem; border-radius: 999px; background: var(--track); position: relative; overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; left: var(--from); width: max(var(--width), 4px); border-radius: 999px; background: var(--tone); }
.time { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.stages .detail { grid-column: 2 / -1; color: var(--soft); font-size: 0.88rem; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; align-items: stretch; }
.numbers { display: flex; gap: 1.75rem; margin-bottom: 0.9rem; }
.numbers b { display: block; font-size: 1.9rem; line-height: 1.15; font-weight: 650; color: var(--tone); font-variant-numeric: tabular-nums; }
.numbers .none { --tone: var(--soft); }
.numbers span { color: var(--soft); font-size: 0.85rem; }
.share { display: flex; gap: 3px; height: 0.65rem; border-radius: 999px; overflow: hidden; background: var(--track); }
.share i { background: var(--tone); flex: var(--share) 0 0; min-width: 4px; }
dl { margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: 0.45rem 1.25rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.gpu { font-size: 1.25rem; font-weight: 650; margin-bottom: 0.6rem; letter-spacing: -0.01em; }
.gpu + dl { margin-bottom: 1rem; } dl:last-child { margin-bottom: 0; }
.gpus { display: grid; grid-template-columns: 1fr 1fr; gap: 1.75rem 2rem; } .gpus > div { min-width: 0; }
.chart { margin: 0 0 1rem; }
.chart svg { display: block; width: 100%; height: 7.5rem; background: var(--track); border-radius: 8px; }
.chart path { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .use { stroke: var(--unchanged); } .chart .memory { stroke: var(--skipped); stroke-dasharray: 5 4; }
.chart .area { stroke: none; fill: color-mix(in srgb, var(--unchanged) 18%, transparent); }
.axis { display: flex; justify-content: space-between; margin-top: 0.2rem; color: var(--soft); font-size: 0.78rem; font-variant-numeric: tabular-nums; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 0.2rem 1.25rem; margin-top: 0.3rem; color: var(--soft); font-size: 0.85rem; }
.chart figcaption span::before { content: ""; display: inline-block; width: 1.1rem; margin-right: 0.5rem; vertical-align: 0.25em; border-top: 2px solid var(--unchanged); }
.chart figcaption .memory::before { border-top: 2px dashed var(--skipped); }
.stages.shards li { grid-template-columns: 7rem 1fr 5.2rem; }
.cases { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.5rem; }
.cases li, details { border-left: 3px solid var(--tone); padding: 0.1rem 0 0.1rem 0.8rem; overflow-wrap: anywhere; }
.cases .soft { font-size: 0.88rem; display: block; }
.tag { font-size: 0.72rem; font-weight: 650; color: var(--tone); border: 1px solid; border-radius: 999px; padding: 0.05rem 0.5rem; margin-left: 0.4rem; }
summary { cursor: pointer; } .cases details { border: 0; padding: 0; }
pre { margin: 0.5rem 0 0.2rem; padding: 0.8rem 1rem; background: var(--track); border-radius: 8px; overflow-x: auto; max-height: 24rem; }
footer { text-align: center; color: var(--soft); font-size: 0.82rem; }
@media (max-width: 44rem) {
  body { padding: 1.25rem 0.75rem 2rem; }
  section { padding: 1.1rem 1.1rem; }
  .pair, .gpus { grid-template-columns: minmax(0, 1fr); }
  .stages li, .stages.shards li { grid-template-columns: minmax(0, 1fr) auto; gap: 0.35rem 0.75rem; }
  .stages .track { grid-column: 1 / -1; grid-row: 2; }
  .stages .detail { grid-column: 1 / -1; }
  .outputs { grid-template-columns: minmax(0, 1fr); gap: 0; } .outputs dd { margin-bottom: 0.6rem; }
}
@media print { body { background: none; padding: 0; } section { break-inside: avoid; } }
`;
