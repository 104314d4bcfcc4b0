import { PageHeader } from "@shared/design";

export default function OverviewPage() {
  return <PageHeader title="Overview" />;
}
