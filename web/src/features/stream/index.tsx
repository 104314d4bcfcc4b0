import { PageHeader } from "@shared/design";

export default function StreamPage() {
  return <PageHeader title="Stream" />;
}
