import { PageHeader } from "@shared/design";

export default function ChatPage() {
  return <PageHeader title="Chat" />;
}
