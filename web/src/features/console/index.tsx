import { PageHeader } from "@shared/design";

export default function ConsolePage() {
  return <PageHeader title="Console" />;
}
