// Overview: what runs here, and how busy it is.
import { once } from "node:events";
import { WebSocket } from "ws";
import { eventually, says, tabTo } from "./visit.mjs";

const MESSAGES = 500;

export async function figuresMoveWithTheTraffic(visit) {
  const page = await visit.open("/");
  await says(page, "running for");
  await figuresMove(visit, page);
  await visit.checkAccessible(page);
  await visit.picture(page, "overview-busy");
}

/** Of whatever serves the page: the server, or a gateway before it. */
export const figuresMove = async (visit, page) => {
  const echo = card(page, "/echo");
  await says(echo, "0 connections");
  const socket = await connect(visit, "/echo");
  await says(echo, "1 connection");
  for (let count = 0; count < MESSAGES; count += 1) socket.send("hello");
  await eventually(async () => /[1-9][\d.,]* k? ?msg\/s/.test(await figures(echo)), "messages per second are seen");
  await eventually(async () => (await fact(page, "Messages in")) >= MESSAGES, "messages in are counted");
  await eventually(async () => (await fact(page, "Messages out")) >= MESSAGES, "messages out are counted");
  // Charts say in words what they show, and have drawn something.
  for (const name of ["Open connections", "Messages per second", "Bytes per second", "Time the server took to answer"]) {
    const chart = page.getByRole("main").getByLabel(new RegExp(`^${name}`)).first();
    await chart.scrollIntoViewIfNeeded();
    await chart.waitFor();
  }
  socket.close(1000);
  await says(echo, "0 connections");
  await says(page, "Closed, by code 1000");
};

export async function eachServiceIsOneStepAwayByMouseAndByKeyboard(visit) {
  const page = await visit.open("/");
  for (const [service, title] of [["/random", "Random"], ["/stream", "Stream"], ["/letters", "Letters"], ["/echo", "Console"]]) {
    await card(page, service).getByRole("link", { name: "Try it" }).click();
    await heading(page, title);
    await page.goBack();
    await heading(page, "Overview");
    await tabTo(card(page, service).getByRole("link", { name: "Try it" }));
    await page.keyboard.press("Enter");
    await heading(page, title);
    await page.goBack();
    await heading(page, "Overview");
  }
}

export async function figuresGoOnAfterTheServerCameBack(visit) {
  const page = await visit.open("/", { theme: "dark" });
  await says(page, "Live figures");
  await visit.killServer();
  await says(page, "figures are as of");
  await says(page, "reconnecting in");
  await visit.picture(page, "overview-away");
  await visit.startServer();
  await says(page, "Live figures");
  const socket = await connect(visit, "/random");
  await says(card(page, "/random"), "1 connection");
  socket.close();
}

export function card(page, path) {
  return page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: path, exact: true }) });
}

function heading(page, name) {
  return page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

async function figures(locator) {
  return (await locator.innerText()).replace(/\s+/g, " ");
}

/** The number beside a name in the lists of the server's figures. */
async function fact(page, name) {
  const value = page.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("xpath=following-sibling::dd");
  const text = await value.innerText();
  return Number(text.replaceAll(",", ""));
}

async function connect(visit, path) {
  const socket = new WebSocket(`ws://${visit.host}${path}`);
  await once(socket, "open");
  return socket;
}
