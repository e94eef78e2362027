export function Run(_: any) { return <h1>run</h1>; }
