import { formatCount } from "../format";
import { classes } from "./classes";
import styles from "./Equation.module.css";

export interface Term {
  count: number;
  word: string;
}

/**
 * Counts that must match, as an equation: `10,000 sent = 9,990 answered + 10 waiting`. Where the sums differ it says ≠, and
 * by how much.
 */
export function Equation({
  left,
  right,
  className,
}: {
  left: Term;
  right: readonly Term[];
  className?: string | undefined;
}) {
  const sum = right.reduce((total, term) => total + term.count, 0);
  const difference = left.count - sum;
  return (
    <p className={classes(styles.equation, className)}>
      <Summand {...left} />
      <span className={difference ? styles.unequal : styles.sign}>{difference ? "≠" : "="}</span>
      {right.map((term, index) => (
        <span key={term.word} className={styles.pair}>
          {index > 0 && <span className={styles.sign}>+</span>}
          <Summand {...term} />
        </span>
      ))}
      {difference !== 0 && (
        <span className={styles.unequal}>
          ({formatCount(Math.abs(difference))} {difference > 0 ? "missing" : "too many"})
        </span>
      )}
    </p>
  );
}

function Summand({ count, word }: Term) {
  return (
    <span className={styles.term}>
      <b>{formatCount(count)}</b> {word}
    </span>
  );
}
