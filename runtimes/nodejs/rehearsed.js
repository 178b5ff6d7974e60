// What is played in a rehearsal, see rehearsal.js.
'use strict';

exports.handler = async (event) => ({ statusCode: 200, body: event.body });
