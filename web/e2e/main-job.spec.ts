import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { checkPage, watchFaults } from './page-checks';
import { server } from './server';

const admin = { email: 'ann@example.com', password: 'correct horse battery staple' };
const files = Object.entries(server.hashes);

test.describe.configure({ mode: 'serial' });

test('from the set-up link to the file, byte for byte', async ({ page }) => {
  const faults = await watchFaults(page);

  await test.step('the set-up link makes the first admin and signs in', async () => {
    await page.goto(server.setupUrl);
    await expect(page.getByRole('heading', { name: 'Set up Longshore' })).toBeVisible();
    await checkPage(page, 'setup-desktop');
    await page.getByLabel('E-mail').fill(admin.email);
    await page.getByLabel('Password').fill(admin.password);
    await page.getByRole('button', { name: 'Create account and sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Before you begin' })).toBeVisible();
    await checkPage(page, 'policy-desktop');
    await page.getByRole('button', { name: 'I accept' }).click();
    await expect(page.getByRole('heading', { name: 'Nothing here yet' })).toBeVisible();
    await checkPage(page, 'empty-desktop');
  });

  await test.step('the link is used up', async () => {
    await page.goto('about:blank');
    await page.goto(server.setupUrl);
    await expect(page.getByRole('heading', { name: 'This link has been used' })).toBeVisible();
  });

  await test.step('signing out and in leads back to the wanted page', async () => {
    await page.goto(`${server.url}/dashboard`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page).toHaveURL(/\/auth\/login/);
    await checkPage(page, 'sign-in-desktop');
    await signIn(page);
    await expect(page).toHaveURL(/\/dashboard$/);
  });

  await test.step('a reload keeps the session', async () => {
    await page.reload();
    await expect(page.getByRole('status', { name: 'Connection' })).toHaveText('Live');
  });

  await test.step('a magnet becomes a card within a second', async () => {
    await page.getByRole('button', { name: 'Add download' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add download' });
    await dialog.getByRole('textbox', { name: 'Magnet link' }).fill('magnet:?xt=urn:btih:123');
    await expect(dialog.getByText('must have 40 hexadecimal digits')).toBeVisible();
    await expect(dialog.getByRole('button', { name: 'Add download' })).toBeDisabled();
    await dialog.getByRole('textbox', { name: 'Magnet link' }).fill(server.magnet);
    await checkPage(page, 'add-desktop');
    await dialog.getByRole('button', { name: 'Add download' }).click();
    // The dialog still covers it.
    await expect(page.getByRole('progressbar', { includeHidden: true })).toHaveCount(1, { timeout: 1000 });
    await expect(dialog).toBeHidden();
  });

  await test.step('its progress moves by realtime alone', async () => {
    const loadedAt = await page.evaluate(() => performance.timeOrigin);
    const bar = page.getByRole('progressbar');
    await expect.poll(() => between(bar), { timeout: 60_000 }).toBe(true);
    const reads: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'GET' && request.url().includes('/api/v1/jobs')) reads.push(request.url());
    });
    const first = await value(bar);
    await checkPage(page, 'dashboard-desktop');
    await expect.poll(async () => (await between(bar)) && (await value(bar)) !== first, { timeout: 60_000 }).toBe(true);
    expect(reads).toEqual([]);
    expect(await page.evaluate(() => performance.timeOrigin)).toBe(loadedAt);
  });

  await test.step('it pauses and goes on', async () => {
    const card = page.getByRole('list', { name: 'Downloads' }).getByRole('listitem').first();
    await card.getByRole('button', { name: 'Pause' }).click();
    await expect(card.getByText('Paused', { exact: true })).toBeVisible({ timeout: 30_000 });
    await card.getByRole('button', { name: 'Resume' }).click();
    await expect(card.getByText('Downloading', { exact: true })).toBeVisible({ timeout: 30_000 });
  });

  await test.step('its files appear and download intact', async () => {
    await page.getByRole('list', { name: 'Downloads' }).getByRole('link').click();
    await expect(page.getByRole('region', { name: 'Files' }).getByRole('list').first()).toBeVisible({ timeout: 60_000 });
    await checkPage(page, 'job-desktop');
    await openFolders(page);
    for (const [path, hash] of files) expect(await download(page, path), path).toBe(hash);
    await expect(page.getByText('Completed', { exact: true }).first()).toBeVisible({ timeout: 60_000 });
    await checkPage(page, 'job-completed-desktop');
  });

  expect(faults).toEqual([]);
});

test('the same pages hold on a phone', async ({ browser }) => {
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  const faults = await watchFaults(page);

  await page.goto(`${server.url}/dashboard`);
  await checkPage(page, 'sign-in-phone');
  await signIn(page);
  await expect(page.getByRole('list', { name: 'Downloads' }).getByRole('link')).toBeVisible();
  await checkPage(page, 'dashboard-phone');
  await expectNoSidewaysScroll(page);

  await page.getByRole('button', { name: 'Open the menu' }).click();
  await expect(page.getByRole('dialog', { name: 'Menu' }).getByRole('link', { name: 'Downloads', exact: true })).toBeVisible();
  await checkPage(page, 'menu-phone');
  await page.keyboard.press('Escape');

  await page.getByRole('list', { name: 'Downloads' }).getByRole('link').click();
  await expect(page.getByRole('button', { name: /^Download / }).first()).toBeVisible();
  await checkPage(page, 'job-phone');
  await expectNoSidewaysScroll(page);

  expect(faults).toEqual([]);
  await context.close();
});

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail').fill(admin.email);
  await page.getByLabel('Password').fill(admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function value(bar: Locator): Promise<number> {
  return Number((await bar.getAttribute('aria-valuenow')) ?? 0);
}

async function between(bar: Locator): Promise<boolean> {
  const now = await value(bar);
  return now > 0 && now < 100;
}

async function openFolders(page: Page): Promise<void> {
  const closed = page.getByRole('region', { name: 'Files' }).locator('button[aria-expanded="false"]');
  while ((await closed.count()) > 0) await closed.first().click();
}

async function download(page: Page, path: string): Promise<string> {
  const button = page.getByRole('button', { name: `Download ${path.split('/').at(-1)}`, exact: true });
  await expect(button).toBeVisible({ timeout: 120_000 });
  const [file] = await Promise.all([page.waitForEvent('download'), button.click()]);
  return createHash('sha256').update(await readFile(await file.path())).digest('hex');
}

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const { width, view } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    view: document.documentElement.clientWidth,
  }));
  expect(width).toBeLessThanOrEqual(view);
}
