// A voice for SIP.js without a browser: G.711 over a UDP socket, a tone out, what comes in counted.

import { createSocket } from "node:dgram";

const RATE = 8000;
const PACKET = 160;

export class Voice {
  constructor(tone) {
    this.tone = tone;
    this.heard = 0;
    this.sequence = 0;
    this.time = 0;
  }

  async open() {
    if (this.socket) {
      return;
    }
    this.socket = createSocket("udp4");
    this.socket.on("message", () => (this.heard += 1));
    await new Promise((bound) => this.socket.bind(0, "127.0.0.1", bound));
  }

  // What SIP.js asks of a session description handler.

  async getDescription() {
    await this.open();
    const { port } = this.socket.address();
    const body = [
      "v=0",
      "o=- 1 1 IN IP4 127.0.0.1",
      "s=-",
      "c=IN IP4 127.0.0.1",
      "t=0 0",
      `m=audio ${port} RTP/AVP 0`,
      "a=rtpmap:0 PCMU/8000",
      "a=sendrecv",
      "",
    ].join("\r\n");
    return { body, contentType: "application/sdp" };
  }

  async setDescription(sdp) {
    await this.open();
    const port = Number(/^m=audio (\d+) /m.exec(sdp)?.[1]);
    const host = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1];
    if (!port || !host) {
      throw new Error(`no audio in ${sdp}`);
    }
    clearInterval(this.timer);
    this.timer = setInterval(() => this.socket.send(this.packet(), port, host), 20);
  }

  hasDescription(contentType) {
    return contentType === "application/sdp";
  }

  sendDtmf() {
    return false;
  }

  close() {
    clearInterval(this.timer);
    this.socket?.close();
    this.socket = undefined;
  }

  packet() {
    const packet = Buffer.alloc(12 + PACKET);
    packet[0] = 0x80;
    packet.writeUInt16BE(this.sequence++ & 0xffff, 2);
    packet.writeUInt32BE(this.time, 4);
    packet.writeUInt32BE(0x51b15, 8);
    for (let at = 0; at < PACKET; at += 1) {
      const phase = (2 * Math.PI * this.tone * (this.time + at)) / RATE;
      packet[12 + at] = ulaw(Math.round(12000 * Math.sin(phase)));
    }
    this.time += PACKET;
    return packet;
  }
}

// ITU-T G.711, μ-law.
function ulaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + 132;
  const exponent = Math.max(0, 31 - Math.clz32(magnitude) - 7);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}
