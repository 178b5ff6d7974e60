// Finding the handler: 'file.export', 'dir/file.export', 'file.outer.inner'.
'use strict';

const fs = require('fs');
const path = require('path');
const { RuntimeError } = require('./errors.js');

// load returns a promise of the handler function.
async function load(taskRoot, handler) {
  if (handler.includes('..')) {
    throw new RuntimeError('Runtime.MalformedHandlerName',
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const dir = path.dirname(handler);
  const name = path.basename(handler);
  const dot = name.indexOf('.');
  if (dot < 0 || dot === name.length - 1) {
    throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  }
  const module = await loadModule(path.resolve(taskRoot, dir, name.slice(0, dot)), taskRoot, path.join(dir, name.slice(0, dot)));
  const fn = pick(module, name.slice(dot + 1));
  if (fn === undefined) {
    throw new RuntimeError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  if (typeof fn !== 'function') {
    throw new RuntimeError('Runtime.HandlerNotFound', `${handler} is not a function`);
  }
  return fn;
}

function pick(module, exported) {
  let value = module;
  for (const key of exported.split('.')) {
    value = value === undefined || value === null ? undefined : value[key];
  }
  if (value === undefined && module && module.default) { // a CommonJS file behind import()
    value = pick(module.default, exported);
  }
  return value;
}

async function loadModule(file, taskRoot, name) {
  try {
    const found = ['', '.js', '.mjs', '.cjs'].map((ext) => file + ext).find(isFile);
    if (found === undefined) {
      return require(require.resolve(name, { paths: [taskRoot, file] }));
    }
    if (isModule(found)) {
      return await import(require('url').pathToFileURL(found).href);
    }
    return require(found);
  } catch (err) {
    if (err instanceof SyntaxError) {
      throw new RuntimeError('Runtime.UserCodeSyntaxError', err);
    }
    if (err && (err.code === 'MODULE_NOT_FOUND' || err.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new RuntimeError('Runtime.ImportModuleError', err);
    }
    throw err;
  }
}

function isFile(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && stat.isFile();
}

// isModule reports whether Node takes the file for an ES module.
function isModule(file) {
  const ext = path.extname(file);
  if (ext === '.mjs') {
    return true;
  }
  if (ext !== '.js') {
    return false;
  }
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    let text;
    try {
      text = fs.readFileSync(path.join(dir, 'package.json'), 'utf8');
    } catch {
      // Not here.
    }
    if (text !== undefined) {
      try {
        return JSON.parse(text).type === 'module';
      } catch {
        return false; // Node tells its own story about it
      }
    }
    if (dir === path.dirname(dir) || path.basename(dir) === 'node_modules') {
      return false;
    }
  }
}

module.exports = { load };
