import {
  type ConnectionState,
  closeProblem,
  describeState,
  isWorthReconnecting,
  type Upstream,
  upstreamProblem,
} from "@shared/connection";
import { Button, Card, RetryIcon, StateBadge, TextField, Toggle } from "@shared/design";
import { pathOf, SERVICES, servicesOf, useAbsentUpstream, useLive } from "@shared/server";
import { useSessionText } from "@shared/session-text";
import { type FormEvent, useEffect, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { addressHere, parseAddress, parseSubprotocols, withoutCredentials } from "./address";
import styles from "./ConnectionCard.module.css";
import { readRecent, rememberRecent } from "./recent";
import type { ConsoleSession } from "./session";

/** To where, as what, and how it stands. */
export function ConnectionCard({
  session,
  state,
  url,
}: {
  session: ConsoleSession;
  state: ConnectionState;
  /** Of the connection; empty if there is none. */
  url: string;
}) {
  const [typed, setTyped] = useSessionText("console.address", addressHere("/echo", location), withoutCredentials);
  const [protocolsTyped, setProtocolsTyped] = useSessionText("console.subprotocols");
  const [reconnects, setReconnects] = useSessionText("console.reconnects", "yes");
  const [recent, setRecent] = useState(readRecent);
  /** An address is not found fault with while it is being typed. */
  const [isChecked, setChecked] = useState(false);
  const address = parseAddress(typed, location);
  const subprotocols = parseSubprotocols(protocolsTyped);

  const services = useServicesHere();
  const absent = useAbsentUpstream(pathHere(url), state.kind);
  const elsewhere = recent.filter((url) => !services.includes(url));

  const change = (next: string) => {
    setTyped(next);
    setChecked(false);
  };
  useAskedFor(change);
  const connect = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (address.kind === "bad" || subprotocols.problem) return;
    setRecent(rememberRecent(address.url.href));
    session.connect(address.url.href, subprotocols.protocols, reconnects === "yes");
  };

  return (
    <Card title="Connection" aside={<StateBadge state={state} held={absent !== null} />}>
      <div className={styles.body}>
        <form className={styles.form} onSubmit={connect}>
          <TextField
            label="Address"
            mono
            inputMode="url"
            spellCheck={false}
            value={typed}
            onChange={(event) => change(event.target.value)}
            onBlur={() => setChecked(true)}
            error={isChecked && address.kind === "bad" ? address.problem : undefined}
            hint={address.kind === "good" && address.remark ? address.remark : undefined}
          />
          {isChecked && address.kind === "bad" && address.suggestion && (
            <Button size="small" className={styles.suggestion} onClick={() => change(address.suggestion ?? "")}>
              Use {address.suggestion}
            </Button>
          )}
          <Choices label="Services of this server" typed={typed} onChoose={change} urls={services} />
          {elsewhere.length > 0 && (
            <Choices label="Recent addresses" typed={typed} onChoose={change} urls={elsewhere} />
          )}
          <TextField
            label="Subprotocols"
            mono
            spellCheck={false}
            placeholder="none; several with commas"
            value={protocolsTyped}
            onChange={(event) => setProtocolsTyped(event.target.value)}
            error={subprotocols.problem ?? undefined}
          />
          <div className={styles.row}>
            <Button kind="primary" type="submit">
              {state.kind === "open" ? "Connect anew" : "Connect"}
            </Button>
            <Toggle
              label="Reconnect by itself"
              checked={reconnects === "yes"}
              onChange={(wanted) => {
                setReconnects(wanted ? "yes" : "no");
                session.reconnects = wanted;
              }}
            />
          </div>
        </form>
        <CloseForm session={session} state={state} />
        <Standing session={session} state={state} absent={absent} reconnects={reconnects === "yes"} />
      </div>
    </Card>
  );
}

/** The addresses of what this server serves: what it is known to have, until it has said so itself. */
function useServicesHere(): string[] {
  const { latest } = useLive();
  const paths = latest ? servicesOf(latest).map(({ name }) => pathOf(name)) : SERVICES.map(({ path }) => path);
  return paths.map((path) => addressHere(path, location));
}

/** Another page may lead here with a path to try: `/console?to=/ws`. It is taken once; what is typed then stays. */
function useAskedFor(take: (address: string) => void): void {
  const asked = new URLSearchParams(useSearch()).get("to");
  const [here, navigate] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is taken when it comes
  useEffect(() => {
    if (asked === null) return;
    if (asked.startsWith("/")) take(addressHere(asked, location));
    navigate(here, { replace: true });
  }, [asked]);
}

/** The path of a connection to this very server; null of any other. */
function pathHere(url: string): string | null {
  if (!url) return null;
  const { host, pathname } = new URL(url);
  return host === location.host ? pathname : null;
}

/** Addresses to pick from; those of this server by their paths. */
function Choices({
  label,
  urls,
  typed,
  onChoose,
}: {
  label: string;
  urls: string[];
  typed: string;
  onChoose: (url: string) => void;
}) {
  const here = addressHere("", location);
  return (
    <fieldset className={styles.choices}>
      <legend className="visually-hidden">{label}</legend>
      <span className={styles.legend} aria-hidden="true">
        {label === "Recent addresses" ? "Recent" : "Here"}
      </span>
      <div className={styles.chosen}>
        {urls.map((url) => (
          <button
            key={url}
            type="button"
            className={styles.choice}
            aria-pressed={url === typed}
            title={url}
            onClick={() => onChoose(url)}
          >
            {url.startsWith(`${here}/`) ? url.slice(here.length) : url}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

/** How the connection stands, in words; always takes its place. */
function Standing({
  session,
  state,
  absent,
  reconnects,
}: {
  session: ConsoleSession;
  state: ConnectionState;
  /** The upstream behind this gateway, if it does not answer. */
  absent: Upstream | null;
  reconnects: boolean;
}) {
  const { word, detail } = describeState(state);
  const isHeld = absent !== null && state.kind === "open";
  const said = isHeld ? `held: ${upstreamProblem(absent)}` : detail;
  const hint = hintOn(state, reconnects);
  return (
    <div className={styles.standing}>
      <p className={styles.detail}>
        {standing(state, said)}
        {hint && ` ${hint}`}
      </p>
      {state.kind === "reconnecting" && (
        <span className={styles.row}>
          <Button size="small" icon={<RetryIcon />} onClick={() => session.retryNow()}>
            Connect now
          </Button>
          <Button size="small" onClick={() => session.close(1000, "")}>
            Stop trying
          </Button>
        </span>
      )}
      {/* The countdown is not read out each second. */}
      <span className="visually-hidden" role="status">
        {state.kind === "reconnecting"
          ? `connection lost: ${state.why}. Reconnecting.`
          : `${word}. ${said}${hint && `. ${hint}`}`}
      </span>
    </div>
  );
}

function standing(state: ConnectionState, detail: string): string {
  if (state.kind === "idle") return "Choose an address and connect.";
  if (state.kind === "connecting" && !detail) return "Waiting for the server’s answer.";
  if (!detail) return "Messages can be sent.";
  return `${detail[0]?.toUpperCase()}${detail.slice(1)}.`;
}

/** What to do, or why nothing is done. */
function hintOn(state: ConnectionState, reconnects: boolean): string {
  if (state.kind === "refused" || state.kind === "reconnecting") return causeHint(state);
  if (state.kind !== "closed" || state.byUs || !reconnects || isWorthReconnecting(state.code)) return "";
  if (state.code === 1000 || state.code === 1005) return "It stays closed: the server has ended it on purpose.";
  return "It stays closed: the same messages would meet the same end.";
}

function causeHint(state: { kind: "refused"; reason: string } | { kind: "reconnecting"; why: string }): string {
  const why = state.kind === "refused" ? state.reason : state.why;
  if (!why.includes("does not tell why")) return "";
  return `Check that something listens there, that it admits pages of ${location.origin}, and, for wss://, its certificate.`;
}

function CloseForm({ session, state }: { session: ConsoleSession; state: ConnectionState }) {
  const [code, setCode] = useState("1000");
  const [reason, setReason] = useState("");
  const number = /^\d{4}$/.test(code) ? Number(code) : 0;
  const problem = closeProblem(number, reason);
  const isOpen = state.kind === "open";
  return (
    <form
      className={styles.close}
      aria-label="Close the connection"
      onSubmit={(event) => {
        event.preventDefault();
        if (isOpen && !problem) session.close(number, reason);
      }}
    >
      <div className={styles.closeFields}>
        <TextField
          label="Close code"
          mono
          inputMode="numeric"
          value={code}
          onChange={(event) => setCode(event.target.value.trim())}
          aria-invalid={problem ? true : undefined}
        />
        <TextField
          label="Reason"
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          aria-invalid={problem ? true : undefined}
        />
        <Button type="submit" aria-disabled={!isOpen || problem !== null || undefined}>
          Close
        </Button>
      </div>
      <p className={problem ? styles.problem : styles.note} role={problem ? "alert" : undefined}>
        {problem
          ? `${problem[0]?.toUpperCase()}${problem.slice(1)}.`
          : "1000, or 3000–4999; a reason of at most 123 bytes."}
      </p>
    </form>
  );
}
