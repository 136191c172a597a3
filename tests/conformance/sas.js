// Prints a right to everything in an Azurite's account for its lifetime ("Create an account SAS"). Name and key of the account
// are the same everywhere, and everybody knows them.
"use strict";
const { createHmac } = require("crypto");

const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const [sv, ss, srt, sp, se] = ["2020-08-04", "bq", "sco", "rwdlacup", "2099-01-01T00:00:00Z"];
const text = [account, sp, ss, srt, "", se, "", "", sv, ""].join("\n");
const sig = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
process.stdout.write(`${new URLSearchParams({ sv, ss, srt, sp, se, sig })}\n`);
