// A phone made of SIP.js: node phone.mjs wss://HOST:PORT DOMAIN EXTENSION PASSWORD TONE
//
// It registers, answers whoever calls, and does what it reads: `call NUMBER`, `hangup`, `leave`.
// What happens it writes, a word per line.

import { createInterface } from "node:readline";
import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";
import { WebSocket } from "ws";
import { Voice } from "./voice.mjs";

globalThis.WebSocket = WebSocket;

const [server, domain, extension, password, tone] = process.argv.slice(2);
const say = (...words) => console.log(words.join(" "));
let session;
let voice;

const agent = new UserAgent({
  uri: UserAgent.makeURI(`sip:${extension}@${domain}`),
  authorizationUsername: extension,
  authorizationPassword: password,
  transportOptions: { server },
  sessionDescriptionHandlerFactory: () => (voice = new Voice(Number(tone))),
  logLevel: "warn",
  delegate: {
    onInvite(invitation) {
      follow(invitation);
      say("called", invitation.remoteIdentity.uri.user);
      invitation.accept();
    },
  },
});

function follow(next) {
  session = next;
  session.stateChange.addListener((state) => {
    if (state === SessionState.Established) {
      say("answered");
    } else if (state === SessionState.Terminated) {
      say("ended", voice?.heard ?? 0);
    }
  });
}

const commands = {
  async call(number) {
    follow(new Inviter(agent, UserAgent.makeURI(`sip:${number}@${domain}`)));
    await session.invite({
      requestDelegate: { onReject: (response) => say("refused", response.message.statusCode) },
    });
  },
  hangup: () => session.bye(),
  leave: () => process.exit(0),
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [verb, ...rest] = line.split(" ");
  Promise.resolve(commands[verb](...rest)).catch((error) => say("failed", error.message));
});

await agent.start();
const registerer = new Registerer(agent, { expires: 300 });
registerer.stateChange.addListener((state) => {
  if (state === RegistererState.Registered) {
    say("registered");
  }
});
await registerer.register({
  requestDelegate: { onReject: (response) => say("refused", response.message.statusCode) },
});
