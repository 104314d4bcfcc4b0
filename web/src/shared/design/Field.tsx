import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from "react";
import { classes } from "./classes";
import styles from "./Field.module.css";

interface FieldProps {
  label: ReactNode;
  /** Hides the label from eyes, not from screen readers: where the place says enough. */
  hideLabel?: boolean;
  /** Said below, always. */
  hint?: ReactNode;
  /** Said instead of the hint; marks the field as wrong. */
  error?: ReactNode;
  className?: string;
}

interface Wiring {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}

/** A label, what it labels, and a hint or an error that belong to it. For controls of your own; the usual ones are below. */
export function Field({
  label,
  hideLabel,
  hint,
  error,
  className,
  children,
}: FieldProps & { children: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id} className={hideLabel ? "visually-hidden" : styles.label}>
        {label}
      </label>
      {children({ id, "aria-describedby": note ? `${id}-note` : undefined, "aria-invalid": error ? true : undefined })}
      {note && (
        <p id={`${id}-note`} className={error ? styles.error : styles.hint}>
          {note}
        </p>
      )}
    </div>
  );
}

export function TextField({
  label,
  hideLabel,
  hint,
  error,
  className,
  mono,
  ...input
}: FieldProps & { mono?: boolean } & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field {...{ label, hideLabel, hint, error, className }}>
      {(wiring) => (
        <input
          type="text"
          autoComplete="off"
          className={classes(styles.control, mono && styles.mono)}
          {...wiring}
          {...input}
        />
      )}
    </Field>
  );
}

export function TextArea({
  label,
  hideLabel,
  hint,
  error,
  className,
  mono,
  ...area
}: FieldProps & { mono?: boolean } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Field {...{ label, hideLabel, hint, error, className }}>
      {(wiring) => (
        <textarea
          rows={3}
          className={classes(styles.control, styles.area, mono && styles.mono)}
          {...wiring}
          {...area}
        />
      )}
    </Field>
  );
}

/** The browser's own list: good on a phone, known to every screen reader. */
export function Select({
  label,
  hideLabel,
  hint,
  error,
  className,
  options,
  ...select
}: FieldProps & { options: readonly { value: string; label: string }[] } & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Field {...{ label, hideLabel, hint, error, className }}>
      {(wiring) => (
        <select className={classes(styles.control, styles.select)} {...wiring} {...select}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
