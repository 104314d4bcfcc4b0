import { PageHeader } from "@shared/design";

export default function RandomPage() {
  return <PageHeader title="Random" />;
}
