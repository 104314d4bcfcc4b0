import { toast } from "./toast";

/** Puts text on the clipboard and says so. Pages that came over plain http from another machine have no clipboard API. */
export async function copyText(text: string, what = "Copied."): Promise<void> {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    toast(what);
  } catch {
    toast("The browser does not allow copying here. Select the text and copy it by keyboard.", "bad");
  }
}

function copyBySelection(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("copying was not allowed");
}
