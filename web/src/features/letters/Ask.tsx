import { Button, Card, Select } from "@shared/design";
import { useState } from "react";
import styles from "./Letters.module.css";
import { LETTERS } from "./model";

const OPTIONS = LETTERS.map((letter) => ({ value: letter, label: letter }));

/** Sends one request as it is, also one that the server will object to. */
export function Ask({
  open,
  onSubscribe,
  onUnsubscribe,
}: {
  open: boolean;
  onSubscribe: (letter: string) => void;
  onUnsubscribe: (letter: string) => void;
}) {
  const [letter, setLetter] = useState("A");
  return (
    <Card title="One request">
      <div className={styles.ask}>
        <Select
          label="Letter"
          hideLabel
          className={styles.choice}
          options={OPTIONS}
          value={letter}
          onChange={(event) => setLetter(event.target.value)}
        />
        <Button disabled={!open} onClick={() => onSubscribe(letter)}>
          Subscribe
        </Button>
        <Button disabled={!open} onClick={() => onUnsubscribe(letter)}>
          Unsubscribe
        </Button>
      </div>
      <p className={styles.hint}>
        Subscribing again is answered with the number. Unsubscribing without a subscription is answered too, in words.
      </p>
    </Card>
  );
}
