export function Runs(_: any) { return <h1>runs</h1>; }
