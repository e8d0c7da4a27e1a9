// Makes forms handier. Every page does without it.

// A password can be looked at.
for (const input of document.querySelectorAll("input[type=password][data-show]")) {
  const box = document.createElement("div");
  box.className = "reveal";
  input.replaceWith(box);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = input.dataset.show;
  button.setAttribute("aria-controls", input.id);
  button.setAttribute("aria-label", input.dataset.showLabel);
  box.append(input, button);
  // What is moved loses the cursor that the page has put there.
  if (input.autofocus && document.activeElement === document.body) input.focus();
  button.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    button.textContent = hidden ? input.dataset.hide : input.dataset.show;
    button.setAttribute("aria-label", hidden ? input.dataset.hideLabel : input.dataset.showLabel);
    input.focus();
  });
}

for (const form of document.querySelectorAll("form")) {
  // A form is sent once: the second click of a double click does nothing.
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    event.submitter?.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    sent = false;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  });
}

// A code that was pasted with blanks is still the code.
for (const input of document.querySelectorAll("input.code")) {
  input.addEventListener("input", () => {
    const plain = input.value.replace(/\s+/g, "");
    if (plain !== input.value) input.value = plain;
  });
}
