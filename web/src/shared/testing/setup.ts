import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// Busy machines are slow, not wrong: this is how long `findBy…` and `waitFor` wait at most.
configure({ asyncUtilTimeout: 10_000 });

afterEach(cleanup);
