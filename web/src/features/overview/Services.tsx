import { Sparkline } from "@shared/charts";
import { ArrowRightIcon } from "@shared/design";
import { formatCount, formatCountOf, formatRate } from "@shared/format";
import { HISTORY_MAX, SERVICES, type ServiceDescription } from "@shared/server";
import type { ServiceTraffic, Snapshot } from "@shared/wire/live";
import { useId } from "react";
import { Link } from "wouter";
import { rateOf, servicesOf } from "./figures";
import styles from "./Services.module.css";

/** One card per service that the server has; those that it is known to have, while nothing is known yet. */
export function Services({ history, latest }: { history: readonly Snapshot[]; latest: Snapshot | null }) {
  const descriptions = latest ? describe(servicesOf(latest)) : SERVICES;
  return (
    <section aria-labelledby="services" className={styles.section}>
      <h2 id="services" className="visually-hidden">
        Services
      </h2>
      <ul className={styles.services}>
        {descriptions.map((service) => (
          <ServiceCard key={service.path} service={service} history={history} latest={latest} />
        ))}
      </ul>
    </section>
  );
}

function ServiceCard(props: { service: ServiceDescription; history: readonly Snapshot[]; latest: Snapshot | null }) {
  const { service, history, latest } = props;
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
      <p className={styles.sentence}>{service.sentence}</p>
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

/** The known sentence for each service; one that these pages do not know can be tried in the Console. */
function describe(services: readonly ServiceTraffic[]): ServiceDescription[] {
  return services
    .map(
      ({ name }): ServiceDescription =>
        SERVICES.find((known) => known.name === name) ?? {
          name,
          path: `/${name}`,
          page: "/console",
          sentence: "A service of this server's own; these pages know nothing about it.",
        },
    )
    .sort((a, b) => rankOf(a) - rankOf(b));
}

function rankOf({ name }: ServiceDescription): number {
  const rank = SERVICES.findIndex((known) => known.name === name);
  return rank < 0 ? SERVICES.length : rank;
}

function trafficOf(snapshot: Snapshot, name: string): ServiceTraffic | null {
  return snapshot.services.find((service) => service.name === name) ?? null;
}
