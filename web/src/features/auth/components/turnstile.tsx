import { type RefObject, useEffect, useRef } from 'react';

const script = 'https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit';

type Widget = {
  render: (where: HTMLElement, options: Record<string, unknown>) => string;
  remove: (id: string) => void;
};

declare global {
  var turnstile: Widget | undefined;
}

type TurnstileProps = { siteKey: string; onToken: (token: string | undefined) => void };

/** Cloudflare's question whether a person is there; nothing when the operator has set none up. A token is good once. */
export function Turnstile({ siteKey, onToken }: TurnstileProps) {
  const place = useRef<HTMLDivElement>(null);
  useWidget(place, siteKey, onToken);
  return siteKey === '' ? null : <div ref={place} className="min-h-16" />;
}

function useWidget(place: RefObject<HTMLDivElement | null>, siteKey: string, onToken: TurnstileProps['onToken']): void {
  const tell = useRef(onToken);
  useEffect(() => {
    tell.current = onToken;
  });
  useEffect(() => {
    let id: string | undefined;
    let gone = false;
    if (siteKey === '') return;
    void load().then((widget) => {
      if (gone || !place.current) return;
      id = widget.render(place.current, {
        sitekey: siteKey,
        theme: 'dark',
        callback: (token: string) => tell.current(token),
        'expired-callback': () => tell.current(undefined),
        'error-callback': () => tell.current(undefined),
      });
    });
    return () => {
      gone = true;
      if (id !== undefined) globalThis.turnstile?.remove(id);
    };
  }, [place, siteKey]);
}

let loading: Promise<Widget> | undefined;

function load(): Promise<Widget> {
  loading ??= new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = script;
    element.onload = () => (globalThis.turnstile ? resolve(globalThis.turnstile) : reject(new Error('turnstile')));
    element.onerror = () => {
      loading = undefined;
      reject(new Error('turnstile'));
    };
    document.head.append(element);
  });
  return loading;
}
