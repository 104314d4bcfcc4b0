import { describe, expect, it } from "vitest";
import { CHARACTERS_MAX, charactersOf, DONE_MAX, EXAMPLE, StreamModel, WAITING_MAX } from "./model";

function model() {
  const sent: string[] = [];
  let open = true;
  const stream = new StreamModel(({ message }) => {
    if (open) sent.push(message);
    return open;
  });
  const view = () => {
    stream.store.publish();
    return stream.store.get();
  };
  /** What the server says to `text`, `intervalMs` apart. */
  const answer = (text: string, startMs = 0, intervalMs = 100) => {
    const characters = charactersOf(text);
    const items = [
      ...characters.map((data) => ({ type: "stream", data })),
      ...characters.toReversed().map((data) => ({ type: "stream_reverse", data })),
      {
        type: "count",
        last_char: characters.at(-1),
        count: characters.filter((c) => c === characters.at(-1)).length - 1,
      },
    ];
    items.forEach((item, index) => {
      stream.received(JSON.stringify(item), startMs + index * intervalMs);
    });
  };
  return { stream, sent, view, answer, shut: () => (open = false) };
}

describe("an answer", () => {
  it("is gathered forwards, backwards and as a count", () => {
    const { stream, view, answer } = model();
    expect(stream.ask(EXAMPLE)).toBeNull();
    answer(EXAMPLE);
    expect(view().current).toMatchObject({ status: "done", count: { lastCharacter: "o", count: 4 } });
    expect(view().current?.echo.join("")).toBe(EXAMPLE);
    expect(view().current?.reverse.join("")).toBe([...EXAMPLE].reverse().join(""));
    expect(view().intervalMs).toBe(100);
  });

  it("belongs to the oldest text that is not answered", () => {
    const { stream, sent, view, answer } = model();
    stream.ask("ab");
    stream.ask("c");
    expect(sent).toEqual(["ab", "c"]);
    expect(view().waiting).toBe(1);
    answer("ab");
    expect(view().answers.map(({ text, status }) => [text, status])).toEqual([
      ["c", "waiting"],
      ["ab", "done"],
    ]);
    answer("c");
    expect(view().answers[0]).toMatchObject({ status: "done", echo: ["c"] });
  });

  it("that was cut off says so", () => {
    const { stream, view } = model();
    stream.ask("ab");
    stream.ask("c");
    stream.received('{"type":"stream","data":"a"}', 0);
    stream.lost("lost");
    expect(view().answers.map(({ status }) => status)).toEqual(["lost", "lost"]);
    expect(view().answers[1]?.echo).toEqual(["a"]);
  });
});

describe("a refusal", () => {
  it("for want of room means the newest text, one for stopping the oldest that waits", () => {
    const { stream, view } = model();
    for (const text of ["a", "b", "c"]) stream.ask(text);
    stream.received('{"type":"stream","data":"a"}', 0);
    stream.received('{"type":"error","code":"queue_full","message":"full"}', 0);
    expect(view().answers.map(({ status }) => status)).toEqual(["refused", "waiting", "streaming"]);
    stream.received('{"type":"error","code":"stopping","message":"the server stops"}', 0);
    expect(view().answers.map(({ status }) => status)).toEqual(["refused", "refused", "streaming"]);
    expect(view().problem).toBe("the server stops");
  });

  it("of what is no answer at all changes no text", () => {
    const { stream, view } = model();
    stream.ask("a");
    for (const odd of ["", "null", "[]", '{"type":"other"}', new ArrayBuffer(2)]) stream.received(odd, 0);
    expect(view().current?.status).toBe("waiting");
    expect(view().problem).toMatch(/no answer of this service/);
  });
});

describe("a text", () => {
  it("is not sent empty, too long, too many at once, or without a connection", () => {
    const { stream, sent, shut } = model();
    expect(stream.ask("")).toMatch(/at least one character/);
    expect(stream.ask("x".repeat(CHARACTERS_MAX + 1))).toMatch(/more than 10,000 characters/);
    for (let index = 0; index <= WAITING_MAX; index += 1) expect(stream.ask("x")).toBeNull();
    expect(stream.ask("x")).toMatch(/20 texts wait/);
    expect(sent).toHaveLength(WAITING_MAX + 1);
    stream.lost("lost");
    shut();
    expect(stream.ask("x")).toMatch(/not open/);
  });

  it("is split into what a person sees as characters", () => {
    expect(charactersOf("a👨‍👩‍👧‍👦🇩🇪e\u0301字")).toEqual(["a", "👨‍👩‍👧‍👦", "🇩🇪", "e\u0301", "字"]);
  });

  it("is forgotten when enough newer ones are done", () => {
    const { stream, view, answer } = model();
    for (let index = 0; index < DONE_MAX + 3; index += 1) {
      stream.ask("x");
      answer("x");
    }
    expect(view().answers.length).toBeLessThanOrEqual(DONE_MAX + 1);
    stream.forgetDone();
    expect(view().answers).toEqual([]);
  });
});
