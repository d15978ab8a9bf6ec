// Follows a sweep with `hobbit serve` in a browser. `scripts/serve-test.sh` runs it:
//
//   node serve-test.mjs HOBBIT WATCHED     the command, and the example that makes a sweep

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [hobbit, watched] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = path.join(import.meta.dirname, 'shots');
mkdirSync(shots, {recursive: true});
const room = mkdtempSync(path.join(os.tmpdir(), 'hobbit-serve-'));
const children = [];

const start = (program, args) => {
  const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
  children.push(child);
  return child;
};
/** A server of these directories; the port is the one given, or a free one. */
const serve = async (dirs, port = 0) => {
  const child = start(hobbit, ['serve', ...dirs, '--port', String(port)]);
  const [line] = await once(child.stdout, 'data');
  const url = String(line).match(/http:\S+/)[0];
  return {child, url, port: new URL(url).port};
};
const end = async (child, signal) => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
};
const until = async (what, check, seconds = 60) => {
  const last = Date.now() + 1000 * seconds;
  for (;;) {
    const value = await check().catch(() => null);
    if (value) return value;
    assert.ok(Date.now() < last, `${what} did not come`);
    await new Promise(done => setTimeout(done, 100));
  }
};

const browser = await puppeteer.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
/** Opens a page. Whatever goes wrong in it, or is asked of another machine, is collected. */
const open = async (url, {width = 1400, scheme = 'light'} = {}) => {
  const page = await browser.newPage();
  const faults = [];
  page.on('console', message => {
    // a server that is gone is part of the test
    const isGone = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/.test(message.text());
    if (['error', 'warn'].includes(message.type()) && !isGone) faults.push(message.text());
  });
  page.on('pageerror', error => faults.push(String(error)));
  page.on('request', request => /^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url()) || faults.push(`asks for ${request.url()}`));
  const phone = width < 500;
  await page.setViewport({width, height: phone ? 844 : 1000, isMobile: phone, hasTouch: phone});
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
  await page.goto(url);
  return {page, faults};
};
const fact = (page, name) => page.$$eval('.facts div', (divs, name) =>
  divs.find(div => div.querySelector('dt').textContent === name)?.querySelector('dd').textContent, name);
const trials = async page => parseInt(await fact(page, 'Trials') ?? '0');
const accessible = async (page, what) => {
  // the page may not run what it did not bring
  await page.evaluate(axe);
  const {violations} = await page.evaluate(() => axe.run({resultTypes: ['violations']}));
  const grave = violations.filter(({impact}) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(grave.map(({id, nodes}) => `${id}: ${nodes[0].html.slice(0, 90)}`), [], `${what}: accessibility faults`);
};
const shoot = async (url, what) => {
  for (const width of [1400, 390]) for (const scheme of ['light', 'dark']) {
    const {page, faults} = await open(url, {width, scheme});
    await until('the live sign', () => page.$eval('#live', live => live.textContent === 'Live'));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${what}-${width}: ${wide} too wide`);
    await accessible(page, `${what}-${width}-${scheme}`);
    await page.screenshot({path: path.join(shots, `${what}-${width}-${scheme}.png`), fullPage: true});
    assert.deepEqual(faults, [], `${what}-${width}-${scheme}`);
    await page.close();
  }
};

/** From its first trial to its end. */
const followed = async () => {
  const dir = path.join(room, 'all', 'study');
  mkdirSync(path.dirname(dir));
  const sweep = () => start(watched, [dir, '--pace', '60', '--max-epochs', '27']);
  const server = await serve([path.dirname(dir)]);
  const list = await open(server.url);
  assert.match(await list.page.$eval('main', main => main.textContent), /no study here yet/);
  let running = sweep();
  await until('the study in the list', () => list.page.$('a[href="/study/study"]'));
  await Promise.all([list.page.waitForNavigation(), list.page.click('a[href="/study/study"]')]);
  const {page, faults} = list;
  await until('the first trial', async () => await trials(page) > 0);
  assert.equal(await fact(page, 'State'), 'running');
  const early = await until('scores', () => page.$eval('#best .score', score => score.textContent));
  await until('running trials', () => page.$('#now tbody tr'));
  console.log(`  the first score was ${early}`);

  // what the reader has chosen stays while the page is renewed
  // what is typed while the field is renewed goes astray, but only in a test that types without looking
  await until('the words', async () => {
    await page.$eval('#words', words => { words.value = ''; words.focus(); });
    await page.keyboard.type('learning_rate>0');
    return await page.$eval('#words', words => words.value) === 'learning_rate>0';
  });
  await page.evaluate(() => [...document.querySelectorAll('#all th button')].find(button => button.textContent === 'learning_rate').click());
  const renewed = await page.evaluate(() => document.body.dataset.version);
  await until('something new', () => page.evaluate(known => document.body.dataset.version !== known, renewed));
  assert.equal(await page.$eval('#words', words => words.value), 'learning_rate>0');
  const rates = await page.$$eval('#all tbody tr:not([hidden])', rows => rows.map(row => +row.cells[5].textContent));
  assert.ok(rates.length > 1 && rates.every((rate, i) => i === 0 || rates[i - 1] <= rate), 'the order stays');
  await page.$eval('#words', words => { words.value = ''; words.dispatchEvent(new Event('input')); });

  // how soon a line of the journal is seen
  const seen = async () => {
    const text = readFileSync(path.join(dir, 'journal.ron'), 'utf8');
    return new Set([...text.matchAll(/Stage\(\(time:[\d.]+,trial:"([^"]+)",stage:0/g)].map(match => match[1])).size;
  };
  const before = await seen();
  await until('a line more', async () => await seen() > before);
  const [written, at] = [await seen(), Date.now()];
  await until('it in the page', async () => await page.$$eval('#all tbody tr', rows => rows.filter(row => row.cells[2].textContent !== '–').length) >= written);
  console.log(`  seen ${Date.now() - at} ms after its line in the journal`);

  // the sweep is killed, and run again
  await end(running, 'SIGKILL');
  await until('that it was killed', async () => await fact(page, 'State') === 'killed');
  running = sweep();
  await until('that it goes on', async () => await fact(page, 'State') === 'running');
  // so is the server
  await end(server.child, 'SIGKILL');
  await until('that it is missed', () => page.$eval('#live', live => /cannot be reached/.test(live.textContent)));
  const again = await serve([path.dirname(dir)], server.port);
  await until('the server', () => page.$eval('#live', live => live.textContent === 'Live'));
  const known = await trials(page);
  await until('more trials', async () => await trials(page) > known || await trials(page) === 49);
  await shoot(`${again.url}study/study`, 'serve-running');
  await until('the end', async () => await fact(page, 'State') === 'finished', 120);
  assert.equal(await trials(page), 49);
  await page.waitForFunction(() => document.querySelectorAll('#all tbody tr').length === 49);
  await looks(page);
  await opens(page);
  assert.deepEqual(faults, []);
  await page.close();
  await shoot(`${again.url}study/study`, 'serve-finished');
  await shoot(again.url, 'serve-list');
  await end(again.child, 'SIGTERM');
};

/** Hovers and brushes. */
const looks = async page => {
  const mark = await page.evaluate(async () => {
    const group = document.querySelector('#parameters svg [data-t]');
    group.scrollIntoView({block: 'center'});
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const [x, y] = group.firstElementChild.getAttribute('d').match(/-?[\d.]+ -?[\d.]+/)[0].split(' ').map(Number);
    const {x: left, y: top} = new DOMPoint(x, y).matrixTransform(group.getScreenCTM());
    return {left, top};
  });
  await page.mouse.move(mark.left, mark.top);
  assert.match(await page.$eval('#tip', tip => tip.innerText), /^Trial /);
  const colours = await page.evaluate(() => [document.querySelector('.mark').getAttribute('stroke'), getComputedStyle(document.body).getPropertyValue('--best')]);
  assert.equal(colours[0], 'var(--ink)', 'what is pointed at has not the colour of the best');
  await page.mouse.move(2, 2);

  const axis = await page.evaluate(async () => {
    const svg = document.querySelector('#parallel svg');
    svg.scrollIntoView({block: 'center'});
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const x = +svg.dataset.brush.split(' ')[0];
    const at = y => { const point = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()); return [point.x, point.y]; };
    return {from: at(50), to: at(150)};
  });
  const shown = () => page.$$eval('#all tbody tr', rows => rows.filter(row => !row.hidden).length);
  await page.mouse.move(...axis.from);
  await page.mouse.down();
  await page.mouse.move(...axis.to, {steps: 4});
  await page.mouse.up();
  const some = await shown();
  assert.ok(some > 0 && some < 49, `${some} trials are brushed`);
  assert.equal(await page.$$eval('.brush', brushes => brushes.length), 1);
  await page.mouse.click(...axis.from);
  assert.equal(await shown(), 49, 'a click takes the brush away');

  await page.type('#words', 'status=finished epochs>30');
  const kept = await page.$$eval('#all tbody tr', rows => rows.filter(row => !row.hidden).map(row => [row.cells[3].textContent, row.cells[4].textContent]));
  assert.ok(kept.length > 0 && kept.length < 49, `${kept.length} trials are left by the filter`);
  assert.ok(kept.every(([epochs, status]) => +epochs > 30 && status === 'finished'), `${kept}`);
  await page.$eval('#words', words => { words.value = ''; words.dispatchEvent(new Event('input')); });
  assert.equal(await shown(), 49, 'without words there are all again');

  await page.$eval('#choose', details => { details.open = true; });
  await page.evaluate(() => [...document.querySelectorAll('#columns label')].find(label => label.textContent.trim() === 'width').querySelector('input').click());
  assert.equal(await page.evaluate(() => getComputedStyle([...document.querySelectorAll('#all th')].find(th => th.textContent === 'width')).display), 'none');
};

/** Opens the page of the best trial, by the table. */
const opens = async page => {
  const name = await page.$eval('#best .answer b', best => best.textContent);
  await Promise.all([page.waitForNavigation(), page.evaluate(name => [...document.querySelectorAll('#all tbody a')].find(link => link.textContent === name).click(), name)]);
  assert.equal(await page.$eval('h1', title => title.textContent), `Trial ${name}`);
  assert.ok((await page.$$('#curves svg')).length > 0 && (await page.$$('#stages tbody tr')).length > 0);
  await accessible(page, 'the page of a trial');
  await page.screenshot({path: path.join(shots, 'serve-trial-1400-light.png'), fullPage: true});
  const {status, length} = await page.evaluate(async address => {
    const answer = await fetch(address);
    return {status: answer.status, length: (await answer.arrayBuffer()).byteLength};
  }, await page.$eval('.downloads a', link => link.href));
  assert.ok(status === 200 && length > 0, 'its weights');
};

/** A study of 10,000 trials: how soon it is there, and what the server needs for it. */
const large = async () => {
  const dir = path.join(room, 'large');
  const [code] = await once(start(watched, [dir, '--trials', '10000', '--pace', '0']), 'exit');
  assert.equal(code, 0);
  const server = await serve([dir]);
  const memory = () => +readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1] / 1024;
  for (const which of ['first', 'second']) {
    const {page, faults} = await open(server.url);
    const ready = await page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd);
    assert.match(await page.$eval('#count', count => count.textContent), /^10000 of 10000/);
    console.log(`  10,000 trials: ready after ${ready.toFixed(0)} ms (${which}); the server had at most ${memory().toFixed(0)} MB`);
    const rows = () => page.$$eval('#all tbody tr', rows => rows.length);
    assert.equal(await rows(), 200, 'the rows that a table has at first');
    await page.$eval('#all', table => table.scrollIntoView());
    await until('more rows', async () => {
      await page.$eval('.tall', tall => { tall.scrollTop = tall.scrollHeight; });
      return await rows() >= 600;
    });
    const ranks = await page.$$eval('#all tbody tr', rows => rows.map(row => +row.cells[0].textContent));
    assert.ok(ranks.every((rank, i) => rank === i + 1), 'they come in order');
    await page.evaluate(() => [...document.querySelectorAll('#all th button')][0].click());
    await page.evaluate(() => [...document.querySelectorAll('#all th button')][0].click());
    assert.equal(await page.$eval('#all tbody tr', row => row.cells[0].textContent), '10000', 'all are sorted');
    await page.type('#words', 'rank>9990');
    assert.equal(await page.$$eval('#all tbody tr', rows => rows.filter(row => !row.hidden).length), 10, 'trials beyond those in the table');
    assert.deepEqual(faults, []);
    await page.close();
  }
  assert.ok(memory() < 200, 'less than 200 MB');
  await end(server.child, 'SIGTERM');
};

/** A study of nearly as many that goes on: how soon an outcome is seen after its line in the journal. */
const growing = async () => {
  const dir = path.join(room, 'growing'), journal = path.join(dir, 'journal.ron');
  const outcomes = () => readFileSync(journal, 'utf8').split('Stage((').length - 1;
  const [code] = await once(start(watched, [dir, '--trials', '10000', '--pace', '0', '--epoch-budget', '25000']), 'exit');
  assert.equal(code, 0);
  const slow = start(watched, [dir, '--trials', '10000', '--pace', '1500']);
  const server = await serve([dir]);
  const {page, faults} = await open(server.url);
  await until('that it goes on', async () => await fact(page, 'State') === 'running');
  // the first ones come together
  await new Promise(done => setTimeout(done, 6000));
  const times = [];
  while (times.length < 5) {
    const [length, epochs] = [statSync(journal).size, await fact(page, 'Epochs')];
    const before = outcomes();
    while (statSync(journal).size === length || outcomes() === before) await new Promise(done => setTimeout(done, 5));
    const at = Date.now();
    await until('it in the page', async () => await fact(page, 'Epochs') !== epochs);
    times.push(Date.now() - at);
  }
  console.log(`  seen ${times.join(', ')} ms after their lines in the journal, of ${await fact(page, 'Trials')} trials`);
  assert.deepEqual(faults, []);
  await page.close();
  await end(slow, 'SIGKILL');
  await end(server.child, 'SIGTERM');
};

try {
  console.log('a sweep is followed');
  await followed();
  console.log('a large study');
  await large();
  console.log('a large study that goes on');
  await growing();
  console.log(`no faults; screenshots are in ${shots}`);
} finally {
  await browser.close();
  for (const child of children) await end(child, 'SIGKILL');
  rmSync(room, {recursive: true, force: true});
}
