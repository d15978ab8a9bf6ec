// Opens the reports given as arguments (pages, or directories with `report.html` and pictures) in a browser and tries them out.
// `scripts/report-test.sh` runs it.

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readFileSync, readdirSync, statSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = path.join(import.meta.dirname, 'shots');
mkdirSync(shots, {recursive: true});
const browser = await puppeteer.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});

/** Opens a page; whatever goes wrong in it, or is asked of the network, is collected. */
const open = async (file, {width = 1280, scheme = 'light', script = true} = {}) => {
  const page = await browser.newPage();
  const faults = [];
  page.on('console', message => ['error', 'warn'].includes(message.type()) && faults.push(message.text()));
  page.on('pageerror', error => faults.push(String(error)));
  page.on('request', request => /^(file|data):/.test(request.url()) || faults.push(`asks for ${request.url()}`));
  page.on('dialog', dialog => { faults.push('a dialog'); dialog.dismiss(); });
  const phone = width < 500;
  await page.setViewport({width, height: phone ? 844 : 900, isMobile: phone, hasTouch: phone});
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
  await page.setJavaScriptEnabled(script);
  await page.goto(pathToFileURL(file).href);
  return {page, faults};
};

const accessible = async (page, name) => {
  // the page may not run what it did not bring
  await page.evaluate(axe);
  const {violations} = await page.evaluate(() => axe.run({resultTypes: ['violations']}));
  for (const {id, impact, help, nodes} of violations) console.log(`  ${impact}: ${id}, ${help} (${nodes.length}: ${nodes[0].html.slice(0, 90)})`);
  const grave = violations.filter(({impact}) => ['serious', 'critical'].includes(impact));
  assert.deepEqual(grave.map(({id}) => id), [], `${name}: accessibility faults`);
};

/** The first mark of a picture in the viewport: where it is on the screen, and its trial. */
const firstMark = (page, selector) => page.evaluate(async selector => {
  const group = document.querySelector(`${selector} svg [data-t]`);
  group.scrollIntoView({block: 'center'});
  // scrolling hides what is shown, once the browser has told of it
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  const [x, y] = group.firstElementChild.getAttribute('d').match(/-?[\d.]+ -?[\d.]+/)[0].split(' ').map(Number);
  const point = new DOMPoint(x, y).matrixTransform(group.getScreenCTM());
  const cells = [...document.querySelectorAll('#all tbody tr')].map(row => [...row.cells].map(cell => cell.textContent));
  return {x: point.x, y: point.y, trial: +group.dataset.t.split(' ')[0], cells};
}, selector);

const tip = page => page.$eval('#tip', tip => tip.hidden ? null : tip.innerText);

const hover = async (page, selector) => {
  const {x, y, trial, cells} = await firstMark(page, selector);
  await page.mouse.move(x + 1, y + 1);
  const text = await tip(page);
  assert.ok(text, `${selector}: nothing is shown of the mark of trial ${cells[trial][1]}`);
  // marks may lie on top of each other: what is shown has to be one of the trials, with all its values
  const row = cells.find(row => text.startsWith(`Trial ${row[1]}:`));
  assert.ok(row, `${selector}: ${text}`);
  for (const value of row.slice(5).filter(value => value.trim())) assert.ok(text.includes(value.trim()), `${value} is not in ${text}`);
  await page.mouse.move(2, 2);
  assert.equal(await tip(page), null, `${selector}: the tip stays`);
};

const column = (page, name) => page.evaluate(name => {
  const heads = [...document.querySelectorAll('#all th')];
  const i = heads.findIndex(head => head.textContent === name);
  return [...document.querySelectorAll('#all tbody tr')].filter(row => !row.hidden).map(row => row.cells[i].textContent);
}, name);

const sorts = async (page, name, key) => {
  const press = () => page.evaluate(name => {
    const button = [...document.querySelectorAll('#all th button')].find(button => button.textContent === name);
    button.focus();
  }, name).then(() => page.keyboard.press('Enter'));
  const before = await column(page, name);
  for (const way of [1, -1]) {
    await press();
    const after = await column(page, name);
    const has = after.filter(text => key(text) !== null).map(key);
    assert.deepEqual(has, [...has].sort((a, b) => way * (a < b ? -1 : a > b ? 1 : 0)), `${name} is not sorted`);
    assert.ok(after.slice(has.length).every(text => key(text) === null), `${name}: what has no value is last`);
    assert.deepEqual([...after].sort(), [...before].sort(), `${name}: rows were lost`);
  }
};
const number = text => text === '' || isNaN(text) ? null : +text;

const filters = async page => {
  const type = async words => {
    await page.$eval('#words', input => { input.value = ''; });
    await page.type('#words', words);
  };
  const marks = () => page.$$eval('#parameters [data-t] path', paths => paths.map(path => path.getAttribute('d').match(/M/g).length).reduce((a, b) => a + b));
  const all = (await column(page, 'rank')).length, allMarks = await marks();
  await type('status=finished');
  const finished = await column(page, 'status');
  assert.ok(finished.length > 0 && finished.length < all && finished.every(status => status === 'finished'), 'status=finished');
  assert.ok(await marks() < allMarks, 'the pictures are filtered too');
  await type('rank<=10 rank>7');
  assert.deepEqual((await column(page, 'rank')).map(Number).sort((a, b) => a - b), [8, 9, 10]);
  assert.match(await page.$eval('#count', count => count.textContent), /^3 of/);
  await type('nothing has this');
  assert.equal((await column(page, 'rank')).length, 0);
  await type(' ');
  assert.equal((await column(page, 'rank')).length, all);
  assert.equal(await marks(), allMarks);
};

/** Marks and texts stand out from what is behind them: by WCAG 2, at least 3 and 4.5. */
const contrasts = async (page, what) => {
  const ratios = await page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const luminance = name => {
      const hex = style.getPropertyValue(`--${name}`).trim().slice(1), long = hex.length === 3 ? [...hex].map(c => c + c).join('') : hex;
      const [r, g, b] = [0, 2, 4].map(i => parseInt(long.slice(i, i + 2), 16) / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const marks = ['level0', 'level1', 'level2', 'level3', 'best', 'bad', 'line'].map(name => [name, ratio(name, 'paper'), 3]);
    const texts = ['ink', 'soft', 'link'].flatMap(name => ['paper', 'card'].map(behind => [`${name} on ${behind}`, ratio(name, behind), 4.5]));
    return [...marks, ...texts];
  });
  for (const [name, ratio, least] of ratios) assert.ok(ratio >= least, `${what}: ${name} has a contrast of ${ratio.toFixed(2)}`);
};

/** A range of an axis is marked: only the trials that go through it are left, everywhere. */
const brushes = async page => {
  const axis = await page.evaluate(async () => {
    const svg = document.querySelector('svg[data-brush]');
    svg.scrollIntoView({block: 'center'});
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const x = +svg.dataset.brush.split(' ')[0];
    const at = y => { const point = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()); return [point.x, point.y]; };
    return {from: at(50), to: at(140)};
  });
  const all = (await column(page, 'rank')).length;
  await page.mouse.move(...axis.from);
  await page.mouse.down();
  await page.mouse.move(...axis.to, {steps: 4});
  await page.mouse.up();
  const some = (await column(page, 'rank')).map(Number);
  assert.ok(some.length > 0 && some.length < all, `${some.length} trials are brushed`);
  assert.ok(some.includes(1), 'the best is at the top');
  await page.mouse.click(...axis.from);
  assert.equal((await column(page, 'rank')).length, all, 'a click takes the brush away');
};

/** Columns can be left out; the first ones stay where they are. */
const chooses = async page => {
  await page.$eval('#choose', details => { details.open = true; });
  await page.evaluate(() => document.querySelectorAll('#columns input')[3].click());
  const display = () => page.evaluate(() => getComputedStyle(document.querySelector('#all tbody tr').cells[3]).display);
  assert.equal(await display(), 'none');
  await page.evaluate(() => document.querySelectorAll('#columns input')[3].click());
  assert.equal(await display(), 'table-cell');
  const left = await page.evaluate(async () => {
    const tall = document.querySelector('.tall'), cell = document.querySelector('#all tbody tr').cells[1];
    // what is not seen has no place
    tall.scrollIntoView();
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const before = cell.getBoundingClientRect().left;
    tall.scrollLeft = 300;
    return [before, cell.getBoundingClientRect().left];
  });
  assert.ok(Math.abs(left[0] - left[1]) < 2, `the trial's name stays: ${left}`);
};

const test = async file => {
  const name = path.basename(path.dirname(path.resolve(file)));
  console.log(file);
  const {page, faults} = await open(file);
  const timing = await page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd);
  console.log(`  loaded in ${timing.toFixed(0)} ms`);
  for (const section of ['#history', '#curves', '#parameters', '#sampled', '#parallel', '#time']) if (await page.$(section)) await hover(page, section);
  await sorts(page, 'rank', number);
  await sorts(page, 'epochs', number);
  await sorts(page, 'trial', text => text.replace(/^(\d+-)/, '1.$1').split(/\D/).map(part => part.padStart(6, '0')).join('.'));
  await page.evaluate(() => [...document.querySelectorAll('#all th button')][0].click());
  await filters(page);
  await brushes(page);
  await chooses(page);
  const {x, y} = await firstMark(page, '#parameters');
  await page.mouse.click(x, y);
  assert.equal(await page.$$eval('#all tr.chosen', rows => rows.length), 1, 'a click marks the row');
  assert.equal(await page.evaluate(() => globalThis.ran), undefined, 'a name or a value was run as a script');
  assert.ok((await page.pdf({format: 'A4'})).length > 1000, 'it prints');
  await page.emulateMediaType('print');
  assert.equal(await page.$eval('#filter', form => getComputedStyle(form).display), 'none', 'no form on paper');
  assert.deepEqual(faults, [], `${file}: errors`);
  await page.close();

  for (const width of [1280, 390]) for (const scheme of ['light', 'dark']) {
    const {page, faults} = await open(file, {width, scheme});
    const what = `${name}-${width}-${scheme}`;
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${what}: the page is ${overflow} too wide`);
    await contrasts(page, what);
    const broken = await page.$$eval('th, dt', cells => cells.filter(cell => cell.closest('.facts, thead') && cell.getClientRects().length && cell.offsetHeight > 60).map(cell => cell.textContent));
    assert.deepEqual(broken, [], `${what}: headings that are broken`);
    if (width === 390) {
      const screens = await page.evaluate(() => document.documentElement.scrollHeight / innerHeight);
      assert.ok(screens < 6, `${what}: ${screens.toFixed(1)} screens before the folds`);
      const {x, y} = await firstMark(page, '#parameters');
      await page.touchscreen.tap(x, y);
      assert.ok(await tip(page), `${what}: a touch shows nothing`);
      await page.evaluate(() => dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'})));
    }
    // all rows are alike
    await page.type('#words', 'rank<20');
    await page.$eval('#all', table => table.scrollIntoView());
    await accessible(page, what);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({path: path.join(shots, `${what}.png`), fullPage: true});
    assert.deepEqual(faults, [], `${what}: errors`);
    await page.close();
  }

  const plain = await open(file, {script: false});
  assert.ok((await plain.page.$$('#all tbody tr')).length > 0, 'the table is there without script');
  assert.equal(await plain.page.$eval('#filter', form => form.hidden), true);
  assert.deepEqual(plain.faults, []);
  await plain.page.close();
};

const picture = async file => {
  const {page, faults} = await open(file);
  const root = await page.evaluate(() => [document.documentElement.tagName, document.querySelector('parsererror') !== null]);
  assert.deepEqual(root, ['svg', false], file);
  assert.equal(await page.evaluate(() => globalThis.ran), undefined, file);
  assert.deepEqual(faults, [], file);
  await page.close();
};

try {
  for (const given of process.argv.slice(2)) {
    const isDirectory = existsSync(given) && statSync(given).isDirectory();
    await test(isDirectory ? path.join(given, 'report.html') : given);
    const pictures = isDirectory ? readdirSync(given).filter(file => file.endsWith('.svg')) : [];
    for (const file of pictures) await picture(path.join(given, file));
    if (isDirectory) console.log(`  ${pictures.length} pictures`);
  }
  console.log(`no faults; screenshots are in ${shots}`);
} finally {
  await browser.close();
}
