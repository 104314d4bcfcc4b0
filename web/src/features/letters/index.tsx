import { PageHeader } from "@shared/design";

export default function LettersPage() {
  return <PageHeader title="Letters" />;
}
