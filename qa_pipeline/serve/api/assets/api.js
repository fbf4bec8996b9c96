// Sends the example requests of the page, as they stand in it, and shows what comes back.
"use strict";
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const output = form.querySelector("output");
  const area = form.querySelector("textarea");
  const key = document.getElementById("key");
  const headers = {};
  if (area) headers["Content-Type"] = "application/json";
  if (key && key.value) headers["Authorization"] = "Bearer " + key.value;
  output.textContent = "...";
  try {
    const response = await fetch(form.dataset.path, {
      method: form.dataset.method, headers, body: area ? area.value : undefined,
    });
    const text = await response.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch (error) { /* metrics are no JSON */ }
    output.textContent = response.status + " " + response.statusText + "\n" + shown;
  } catch (error) {
    output.textContent = "The server did not answer: " + error.message;
  }
});
