import type { ButtonHTMLAttributes, ReactNode } from "react";
import styles from "./Button.module.css";
import { classes } from "./classes";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary`: the one main action of a page. `quiet`: no border until pointed at. */
  kind?: "primary" | "plain" | "quiet";
  size?: "small" | "normal" | "large";
  icon?: ReactNode;
}

export function Button({ kind = "plain", size = "normal", icon, className, children, ...rest }: ButtonProps) {
  return (
    <button type="button" className={classes(styles.button, styles[kind], styles[size], className)} {...rest}>
      {icon}
      {children}
    </button>
  );
}

/** A button with an icon alone; `label` is what screen readers say and what is shown on hovering. */
export function IconButton({
  label,
  icon,
  kind = "quiet",
  size = "normal",
  className,
  ...rest
}: Omit<ButtonProps, "icon" | "children"> & { label: string; icon: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(styles.button, styles.iconOnly, styles[kind], styles[size], className)}
      {...rest}
    >
      {icon}
    </button>
  );
}
