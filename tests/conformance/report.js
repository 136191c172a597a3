// Prints what the suite found, a line a scenario, and the sum in cargo's words. Arguments: the suite's folder, the folder of
// its results, and what was run: a revision, or names of scenarios.
//
// Nothing is forgiven: a warning counts as a failure, and so does a scenario that left no result. What the suite itself skips
// is named.
"use strict";
const fs = require("fs");
const path = require("path");

const [suite, results, ...asked] = process.argv.slice(2);

// Every scenario of a revision's list, also those that do not count for the suite's own verdict.
function required(revision) {
  const yaml = require(path.join(suite, "../../yaml"));
  const list = yaml.parse(fs.readFileSync(path.join(suite, "requirements", `${revision}.yaml`), "utf8"));
  const unscored = list.not_scored.filter((entry) => entry.leg === "server");
  return [...list.server, ...unscored.map((entry) => entry.scenario)];
}

function checks(scenario) {
  const folders = fs.existsSync(results) ? fs.readdirSync(results) : [];
  const name = new RegExp(`^server-${scenario}-\\d{4}-\\d{2}-\\d{2}T[-\\d]+Z$`);
  const files = folders.filter((folder) => name.test(folder)).map((folder) => path.join(results, folder, "checks.json"));
  return files.filter((file) => fs.existsSync(file)).flatMap((file) => JSON.parse(fs.readFileSync(file, "utf8")));
}

const scenarios = /^\d{4}-/.test(asked[0]) ? required(asked[0]) : asked;
const sum = { passed: 0, failed: 0, skipped: 0 };
const complaints = [];
const line = (name, ...cells) => console.log(name.padEnd(48), ...cells.map((cell) => String(cell).padStart(7)));
line("scenario", "passed", "failed", "skipped");
for (const scenario of scenarios) {
  const found = checks(scenario);
  const of = (...statuses) => found.filter((check) => statuses.includes(check.status));
  const [passed, bad, skipped] = [of("SUCCESS"), of("FAILURE", "WARNING"), of("SKIPPED")];
  if (passed.length + bad.length + skipped.length === 0) bad.push({ id: "no result", errorMessage: "nothing was checked" });
  line(scenario, passed.length, bad.length, skipped.length);
  sum.passed += passed.length;
  sum.failed += bad.length;
  sum.skipped += skipped.length;
  complaints.push(...bad.map((check) => `FAILED ${scenario}, ${check.id}: ${check.errorMessage ?? check.description}`));
  complaints.push(...skipped.map((check) => `skipped by the suite: ${scenario}, ${check.id}`));
}
console.log(complaints.join("\n"));
const verdict = sum.failed === 0 ? "ok" : "FAILED";
console.log(`test result: ${verdict}. ${sum.passed} passed; ${sum.failed} failed; ${sum.skipped} skipped by the suite`);
process.exitCode = sum.failed === 0 ? 0 : 1;
