/* Runs before the first paint: puts the remembered choice where tokens.css looks for it. See theme.ts. */
(() => {
  try {
    const theme = localStorage.getItem("wigwag.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is forbidden here: the system's theme it is.
  }
})();
