// Shows the answer that a button names in its text, and brings what is marked into view. `element` holds the findings.
const said = document.createElement("div");
said.className = "unseen";
said.setAttribute("role", "status");
document.body.append(said);

const centre = (figure) => {
  const box = figure.querySelector(".text"), mark = figure.querySelector("mark");
  if (!box || !mark) return;
  const gap = mark.getBoundingClientRect().top - box.getBoundingClientRect().top;
  box.scrollTop += gap - Math.max(0, (box.clientHeight - mark.getBoundingClientRect().height) / 2);
};

const settle = () => {
  element.querySelectorAll(".passage:not([hidden])").forEach(centre);
  const first = element.firstElementChild;
  said.textContent = first?.dataset.said ?? "";
  const top = element.getBoundingClientRect().top;
  if (top > window.innerHeight - 160) element.scrollIntoView({ block: "start" });
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-show]");
  if (!button) return;
  const card = button.closest(".card");
  card.querySelectorAll("button[data-show]").forEach((one) => one.setAttribute("aria-pressed", one === button));
  card.querySelectorAll(".passage").forEach((one) => {
    one.hidden = one.dataset.place !== button.dataset.show;
    if (!one.hidden) centre(one);
  });
});

watch("value", () => requestAnimationFrame(settle));
