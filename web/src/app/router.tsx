import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, Outlet, redirect } from '@tanstack/react-router';
import { sessionQuery } from '@/features/auth/api/get-session';
import { PageError } from './page-error';
import { safePath } from './safe-path';
import { DashboardPage } from './routes/dashboard-page';
import { JobPage } from './routes/job-page';
import { NotFoundPage } from './routes/not-found-page';
import { PolicyPage } from './routes/policy-page';
import { RegisterPage } from './routes/register-page';
import { ResetPage } from './routes/reset-page';
import { SetupPage } from './routes/setup-page';
import { SignInPage } from './routes/sign-in-page';
import { VerifyPage } from './routes/verify-page';
import { Shell } from './shell';

type Context = { queryClient: QueryClient };

const rootRoute = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: PageError,
});

const indexRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/dashboard', replace: true });
  },
});

const setupRoute = createRoute({ getParentRoute: () => rootRoute, path: '/setup', component: SetupPage });

/** The page that was wanted before another one came between. */
function wantedPage(search: Record<string, unknown>): { to?: string } {
  const to = safePath(search.to);
  return to === undefined ? {} : { to };
}

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/auth/login',
  validateSearch: wantedPage,
  beforeLoad: async ({ context, search }) => {
    const session = await context.queryClient.query({ ...sessionQuery, staleTime: 'static' });
    if (session) throw redirect({ href: search.to ?? '/dashboard', replace: true });
  },
  component: SignInPage,
});

const registerRoute = createRoute({ getParentRoute: () => rootRoute, path: '/auth/register', component: RegisterPage });

const resetRoute = createRoute({ getParentRoute: () => rootRoute, path: '/auth/reset', component: ResetPage });

const verifyRoute = createRoute({ getParentRoute: () => rootRoute, path: '/auth/verify-email', component: VerifyPage });

const policyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/auth/policy',
  validateSearch: wantedPage,
  beforeLoad: async ({ context, search }) => {
    const session = await context.queryClient.query({ ...sessionQuery, staleTime: 'static' });
    if (!session) throw redirect({ to: '/auth/login', search, replace: true });
    if (session.aup_accepted) throw redirect({ href: search.to ?? '/dashboard', replace: true });
  },
  component: PolicyPage,
});

/** Everything below it is for people who are signed in and have accepted how the service may be used. */
const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'signed-in',
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.query({ ...sessionQuery, staleTime: 'static' });
    if (!session) throw redirect({ to: '/auth/login', search: { to: location.href }, replace: true });
    if (!session.aup_accepted) throw redirect({ to: '/auth/policy', search: { to: location.href }, replace: true });
  },
  component: Shell,
});

const dashboardRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/dashboard', component: DashboardPage });

const jobRoute = createRoute({ getParentRoute: () => signedInRoute, path: '/dashboard/$jobId', component: JobPage });

const routeTree = rootRoute.addChildren([
  indexRoute,
  setupRoute,
  signInRoute,
  policyRoute,
  registerRoute,
  resetRoute,
  verifyRoute,
  signedInRoute.addChildren([dashboardRoute, jobRoute]),
]);

export function newRouter(queryClient: QueryClient) {
  return createRouter({ routeTree, context: { queryClient }, scrollRestoration: true, defaultPreload: false });
}

declare module '@tanstack/react-router' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- merging needs an interface
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
