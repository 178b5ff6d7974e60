'use strict';

// A plain HTTP server: nothing in it knows ebb. It says hello to a browser and to
// an event, and tells the time for as long as somebody listens.
const http = require('node:http');

const page = (name) => `<!doctype html><meta charset="utf-8"><title>hello-web</title>
<h1>Hello, ${name.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)}!</h1>
<p>It is <span id="now">…</span></p>
<script>new EventSource('clock').onmessage = (e) => { document.getElementById('now').textContent = e.data; };</script>
`;

const greet = (res, name) => {
  console.log('saying hello to', name); // goes to the function's log
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify({ message: `Hello, ${name}, from a web server!` }));
};

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://any');
  const name = url.searchParams.get('name') ?? 'world';
  switch (`${req.method} ${url.pathname}`) {
    case 'GET /':
      if (!req.headers.accept?.includes('text/html')) return greet(res, name);
      res.setHeader('content-type', 'text/html; charset=utf-8');
      return res.end(page(name));
    case 'GET /clock': { // server-sent events
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      const tick = () => res.write(`data: ${new Date().toISOString()}\n\n`);
      const timer = setInterval(tick, 1000);
      res.on('close', () => clearInterval(timer)); // the browser has left
      return tick();
    }
    case 'POST /events': { // ebb invoke, and everything else that is no HTTP request
      let body = '';
      req.setEncoding('utf8').on('data', (piece) => { body += piece; });
      return req.on('end', () => greet(res, JSON.parse(body).name ?? 'world'));
    }
  }
  res.statusCode = 404;
  return res.end('There is nothing here.\n');
});

process.on('SIGTERM', () => server.close(() => process.exit(0))); // what is in flight ends first
server.listen(process.env.PORT);
