// Draws openapi.json. No dependency, no inline script; everything is built with createElement, so
// nothing from the document is ever read as HTML.
"use strict";

const VERBS = ["get", "post", "put", "patch", "delete"];
let api;

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// The little Markdown that descriptions use: paragraphs, `code`, **bold**.
function inline(text) {
  return String(text || "").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return el("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
    return document.createTextNode(part);
  });
}

function prose(text) {
  const paragraphs = String(text || "").split(/\n\s*\n/).map((paragraph) => el("p", {}, ...inline(paragraph)));
  const box = el("div");
  box.append(...paragraphs);
  return box;
}

function resolve(schema) {
  while (schema && schema.$ref) {
    schema = schema.$ref.split("/").slice(1).reduce((at, key) => at && at[key], api);
  }
  return schema || {};
}

// utoipa writes "this or null" as oneOf; the part that is not null is what matters.
function unwrap(schema) {
  schema = resolve(schema);
  const some = schema.oneOf || schema.anyOf;
  if (some && some.some((part) => part.type === "null")) {
    return resolve(some.find((part) => part.type !== "null"));
  }
  return schema;
}

function typeName(schema) {
  if (!schema) return "";
  if (schema.$ref) {
    const target = resolve(schema);
    return target.enum ? target.enum.map((word) => JSON.stringify(word)).join(" | ") : schema.$ref.split("/").pop();
  }
  const some = schema.oneOf || schema.anyOf;
  if (some && some.every((part) => part.const || part.enum)) {
    return some.map((part) => JSON.stringify(part.const || part.enum[0])).join(" | ");
  }
  if (some) return some.map(typeName).join(" | ");
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const type = [].concat(schema.type || "any").join(" | ");
  if (type.startsWith("array")) return typeName(schema.items) + "[]";
  return schema.format ? `${type} (${schema.format})` : type;
}

function example(schema, depth = 0) {
  if (!schema || depth > 6) return null;
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  const some = schema.oneOf || schema.anyOf;
  if (!schema.$ref && some && some.some((part) => part.type === "null")) return null;
  const known = unwrap(schema);
  if (known.example !== undefined) return known.example;
  if (known.enum) return known.enum[0];
  if (known.oneOf) return known.oneOf[0].const || (known.oneOf[0].enum || [null])[0];
  const type = [].concat(known.type || "object");
  if (type.includes("null") && depth > 0) return null;
  if (type.includes("array")) return depth > 3 ? [] : [example(known.items, depth + 1)].filter((item) => item !== null);
  if (type.includes("object") && known.properties) {
    const entries = Object.entries(known.properties);
    return Object.fromEntries(entries.map(([name, field]) => [name, example(field, depth + 1)]));
  }
  if (type.includes("object")) return {};
  if (type.includes("string")) return known.format === "date-time" ? "2026-11-21T09:30:00Z" : "";
  if (type.includes("integer") || type.includes("number")) return known.minimum || 0;
  if (type.includes("boolean")) return false;
  return null;
}

function fieldsTable(schema) {
  const known = unwrap(schema);
  if (!known.properties) return null;
  const required = new Set(known.required || []);
  const rows = Object.entries(known.properties).map(([name, field]) => el("tr", {},
    el("td", {}, el("code", {}, name), required.has(name) ? el("span", { class: "needed", title: "required" }, " *") : null),
    el("td", { class: "type" }, typeName(field)),
    el("td", {}, prose(field.description || resolve(field).description))));
  return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Field"), el("th", {}, "Type"), el("th", {}, "Meaning"))), el("tbody", {}, ...rows));
}

function parametersTable(parameters) {
  const rows = parameters.map((parameter) => el("tr", {},
    el("td", {}, el("code", {}, parameter.name), parameter.required ? el("span", { class: "needed" }, " *") : null),
    el("td", { class: "type" }, parameter.in),
    el("td", {}, prose(parameter.description))));
  return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Parameter"), el("th", {}, "In"), el("th", {}, "Meaning"))), el("tbody", {}, ...rows));
}

function firstContent(holder) {
  return holder && holder.content ? Object.entries(holder.content)[0] : null;
}

function tryIt(path, verb, operation, parameters) {
  const inputs = parameters.filter((parameter) => parameter.in !== "header" && parameter.name !== "access_token")
    .map((parameter) => [parameter, el("input", { type: "text", placeholder: parameter.in })]);
  const body = operation.requestBody ? firstContent(operation.requestBody) : null;
  const area = body ? el("textarea", { spellcheck: "false" }) : null;
  if (area) area.value = JSON.stringify(example(body[1].schema), null, 2);
  const answer = el("pre", { class: "hidden" });
  const send = async () => {
    let url = path;
    const query = new URLSearchParams();
    for (const [parameter, input] of inputs) {
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.set(parameter.name, input.value);
    }
    if ([...query].length) url += "?" + query;
    const token = document.getElementById("token").value.trim();
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (area) headers["Content-Type"] = "application/json";
    answer.classList.remove("hidden");
    answer.textContent = "…";
    try {
      const response = await fetch(url, { method: verb.toUpperCase(), headers, body: area ? area.value : undefined });
      const type = response.headers.get("content-type") || "";
      let text;
      if (type.startsWith("audio/")) text = `(${response.headers.get("content-length")} bytes of sound)`;
      else if (type.includes("json")) text = JSON.stringify(await response.json(), null, 2);
      else text = await response.text();
      answer.textContent = `${response.status} ${response.statusText}\n\n${text}`;
    } catch (error) {
      answer.textContent = String(error);
    }
  };
  const streams = path.endsWith("/events") && verb === "get";
  return el("div", { class: "try" },
    ...inputs.map(([parameter, input]) => el("label", {}, parameter.name, input)),
    area ? el("label", {}, "Body", area) : null,
    streams ? prose("Follow it with `curl -N -H \"Authorization: Bearer TOKEN\"`, or as a WebSocket.")
      : el("button", { type: "button", onclick: send }, "Send"),
    answer);
}

function article(path, verb, operation) {
  const id = operation.operationId;
  const parameters = operation.parameters || [];
  const inside = el("div", { class: "inside" });
  const details = el("details", {}, el("summary", {},
    el("span", { class: `verb ${verb}` }, verb),
    el("span", { class: "path" }, path),
    el("span", { class: "what" }, ...inline(operation.summary))), inside);
  details.addEventListener("toggle", () => {
    if (!details.open || inside.childElementCount) return;
    inside.append(prose(operation.description || operation.summary));
    if (parameters.length) inside.append(parametersTable(parameters));
    const body = firstContent(operation.requestBody);
    if (body) inside.append(el("h3", {}, "Body"), fieldsTable(body[1].schema) || "");
    for (const [status, response] of Object.entries(operation.responses).filter(([status]) => status < 400)) {
      inside.append(el("h3", {}, `Answer ${status}`), prose(response.description));
      for (const [type, content] of Object.entries(response.content || {})) {
        inside.append(el("span", { class: "type" }, type));
        const sample = type.includes("json") || type.includes("event-stream") ? example(content.schema) : null;
        if (sample !== null) inside.append(el("pre", {}, JSON.stringify(sample, null, 2)));
        const table = fieldsTable(content.schema);
        if (table) inside.append(table);
      }
    }
    const problems = Object.entries(operation.responses).filter(([status]) => status >= 400);
    inside.append(el("h3", {}, "Problems"), el("table", {}, el("tbody", {}, ...problems.map(([status, response]) =>
      el("tr", {}, el("td", {}, el("code", {}, status)), el("td", {}, response.description))))));
    inside.append(el("h3", {}, "Try it"), tryIt(path, verb, operation, parameters));
  });
  return el("article", { id }, details);
}

function open(id) {
  const target = document.getElementById(id);
  if (!target) return;
  const details = target.querySelector("details");
  if (details) details.open = true;
  target.scrollIntoView();
}

function draw() {
  const main = document.getElementById("main");
  const index = document.getElementById("index");
  document.getElementById("version").textContent = api.info.version;
  main.append(el("h1", {}, `${api.info.title} API`), prose(api.info.description));
  const tags = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const verb of VERBS.filter((verb) => operations[verb])) {
      const operation = operations[verb];
      const tag = (operation.tags || ["Other"])[0];
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push([path, verb, operation]);
    }
  }
  const links = [];
  for (const [tag, operations] of tags) {
    main.append(el("h2", {}, tag));
    index.append(el("h2", {}, tag));
    for (const [path, verb, operation] of operations) {
      main.append(article(path, verb, operation));
      const link = el("a", { href: `#${operation.operationId}`, title: operation.summary || "" },
        el("span", { class: `verb ${verb}` }, verb), path.replace("/api/v1", ""));
      links.push([link, `${verb} ${path} ${operation.summary || ""}`.toLowerCase()]);
      index.append(link);
    }
  }
  main.append(el("h2", {}, "Problems"));
  index.append(el("h2", {}, "Reference"), el("a", { href: "#problems" }, "Problems"));
  main.append(el("table", { id: "problems" }, el("tbody", {}, ...(api["x-problems"] || []).map((problem) =>
    el("tr", { id: `problem-${problem.kind}` }, el("td", {}, el("code", {}, problem.kind)),
      el("td", {}, String(problem.status)), el("td", {}, problem.meaning))))));
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const [link, words] of links) link.classList.toggle("hidden", !words.includes(wanted));
  });
  const follow = () => open(decodeURIComponent(location.hash.slice(1)));
  addEventListener("hashchange", follow);
  follow();
}

const token = document.getElementById("token");
token.value = sessionStorage.getItem("token") || "";
token.addEventListener("input", () => sessionStorage.setItem("token", token.value));
fetch("/openapi.json").then((response) => response.json()).then((document) => {
  api = document;
  draw();
}, (error) => document.getElementById("main").append(String(error)));
