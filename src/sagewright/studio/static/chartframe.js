/* The frame of a user's chart: no origin, no network. It gets a specification from the page around it, draws it and says how tall it is. */
"use strict";
const place = document.getElementById("chart");
let view = null;
const look = dark => {
  const text = dark ? "#e6edf3" : "#1f2328", grid = dark ? "#30363d" : "#d0d7de", words = { labelColor: text, titleColor: text };
  return {
    background: "transparent", axis: { ...words, gridColor: grid, domainColor: grid, tickColor: grid },
    legend: words, header: words, title: { color: text }, view: { stroke: grid },
  };
};
addEventListener("message", async event => {
  if (event.source !== parent || typeof event.data?.spec !== "string") return;
  try {
    const spec = JSON.parse(event.data.spec);
    delete spec.usermeta;                               /* options of vega-embed: expressions are interpreted, never compiled */
    document.documentElement.style.colorScheme = event.data.dark ? "dark" : "light";
    view?.finalize();
    const drawn = await vegaEmbed(place, { ...spec, config: { ...look(event.data.dark), ...spec.config } }, {
      mode: "vega-lite", actions: false, ast: true, renderer: "svg", tooltip: { theme: event.data.dark ? "dark" : "custom" },
    });
    view = drawn.view;
    parent.postMessage({ height: Math.ceil(place.getBoundingClientRect().height) }, "*");
  } catch (error) {
    parent.postMessage({ failed: String(error).slice(0, 500) }, "*");
  }
});
parent.postMessage({ ready: true }, "*");
