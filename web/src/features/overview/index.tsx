import { PageHeader } from "@shared/design";
import { formatLongDuration, formatTime, UNKNOWN } from "@shared/format";
import { useLive, useLiveConnection } from "@shared/server";
import { PATH } from "@shared/wire/live";
import { Charts } from "./Charts";
import { ServerFacts } from "./ServerFacts";
import { Services } from "./Services";

/** What runs here, how busy it is, and the way to each service. */
export default function OverviewPage() {
  const { history, latest, health } = useLive();
  const isGateway = health?.upstreams != null;
  const { connection, state } = useLiveConnection();
  return (
    <>
      <PageHeader title="Overview" link={{ name: PATH, state, connection }}>
        {latest && state.kind !== "open"
          ? `These figures are as of ${formatTime(latest.time_unix_milliseconds, { milliseconds: false })}.`
          : "Live figures come once a second."}{" "}
        wigwag {latest?.version ?? UNKNOWN}
        {isGateway && " as a gateway"}, running for {formatLongDuration(latest?.uptime_seconds)}
      </PageHeader>
      <Services history={history} latest={latest} health={health} />
      <Charts snapshots={history} waiting={state.kind !== "refused" && state.kind !== "closed"} />
      <ServerFacts title={isGateway ? "Gateway" : "Server"} latest={latest} />
    </>
  );
}
