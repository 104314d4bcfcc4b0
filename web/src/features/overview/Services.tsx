import { Sparkline } from "@shared/charts";
import { type Health, upstreamOf, upstreamProblem } from "@shared/connection";
import { ArrowRightIcon, WarningIcon } from "@shared/design";
import { formatCount, formatCountOf, formatRate } from "@shared/format";
import { HISTORY_MAX, pathOf, SERVICES, type ServiceDescription, servicesOf } from "@shared/server";
import type { ServiceTraffic, Snapshot } from "@shared/wire/live";
import { useId } from "react";
import { Link } from "wouter";
import { rateOf } from "./figures";
import styles from "./Services.module.css";

/** One card per service that the server has; those that it is known to have, while nothing is known yet. */
export function Services({
  history,
  latest,
  health,
}: {
  history: readonly Snapshot[];
  latest: Snapshot | null;
  health: Health | null;
}) {
  const descriptions = latest ? describe(servicesOf(latest)) : SERVICES;
  return (
    <section aria-labelledby="services" className={styles.section}>
      <h2 id="services" className="visually-hidden">
        Services
      </h2>
      <ul className={styles.services}>
        {descriptions.map((service) => (
          <ServiceCard key={service.path} service={service} history={history} latest={latest} health={health} />
        ))}
      </ul>
    </section>
  );
}

function ServiceCard(props: {
  service: Described;
  history: readonly Snapshot[];
  latest: Snapshot | null;
  health: Health | null;
}) {
  const { service, history, latest, health } = props;
  const id = useId();
  const traffic = latest && trafficOf(latest, service.name);
  const answered = history.map((snapshot) => {
    const then = trafficOf(snapshot, service.name);
    return then && rateOf(snapshot, "messages_out_per_second", then);
  });
  return (
    <li className={styles.card}>
      <h3 id={id} className={styles.path}>
        {service.path}
      </h3>
      <p className={styles.sentence}>{service.sentence ?? unknownSentence(health)}</p>
      <Relayed path={service.path} health={health} />
      <div className={styles.figures}>
        <span className={styles.figure}>
          <b>{formatCount(traffic?.connections)}</b> {traffic?.connections === 1 ? "connection" : "connections"}
        </span>
        <span className={styles.figure} title={traffic ? formatCountOf(traffic.messages_out_total, "message") : ""}>
          <b>{formatRate(traffic && latest && rateOf(latest, "messages_out_per_second", traffic))}</b> out
        </span>
      </div>
      <Sparkline values={answered} capacity={HISTORY_MAX} tone={answered.some(Boolean) ? "out" : "ink"} />
      <p className={styles.links}>
        <Link href={service.page} className={styles.try} aria-describedby={id}>
          Try it
          <ArrowRightIcon width={16} height={16} />
        </Link>
        {service.also && <Link href={service.also.page}>{service.also.words}</Link>}
      </p>
    </li>
  );
}

/** To where a gateway relays the path, and whether anybody is there. */
function Relayed({ path, health }: { path: string; health: Health | null }) {
  const upstream = upstreamOf(health, path);
  if (!upstream) return null;
  return (
    <p className={styles.relayed}>
      Relayed to <code>{upstream.url}</code>
      {!upstream.answers && (
        <span className={styles.away} title={upstreamProblem(upstream)}>
          <WarningIcon width={14} height={14} /> does not answer
        </span>
      )}
    </p>
  );
}

type Described = Omit<ServiceDescription, "sentence"> & { sentence: string | null };

/** The known sentence for each service; one that these pages do not know can be tried in the Console. */
function describe(services: readonly ServiceTraffic[]): Described[] {
  return services
    .map(
      ({ name }): Described =>
        SERVICES.find((known) => known.name === name) ?? {
          name,
          path: pathOf(name),
          page: `/console?to=/${encodeURIComponent(pathOf(name).slice(1))}`,
          sentence: null,
        },
    )
    .sort((a, b) => rankOf(a) - rankOf(b));
}

/** For a service that these pages do not know. */
function unknownSentence(health: Health | null): string {
  if (health?.upstreams) return "Whatever the server behind this gateway speaks.";
  return "A service of this server's own; these pages know nothing about it.";
}

function rankOf({ name }: Described): number {
  const rank = SERVICES.findIndex((known) => known.name === name);
  return rank < 0 ? SERVICES.length : rank;
}

function trafficOf(snapshot: Snapshot, name: string): ServiceTraffic | null {
  return snapshot.services.find((service) => service.name === name) ?? null;
}
