// What is posted to /pub comes out at /sub, on the port that is the only argument.
import express from "express";

const app = express();
const listening = new Set();

app.post("/pub", express.text({ type: "*/*" }), (req, res) => {
  for (const stream of listening) stream.write(`data: ${req.body}\n\n`);
  res.status(202).end();
});

app.get("/sub", (req, res) => {
  res.set("Content-Type", "text/event-stream").flushHeaders();
  listening.add(res);
  req.on("close", () => listening.delete(res));
});

app.listen(Number(process.argv[2]), "127.0.0.1");
