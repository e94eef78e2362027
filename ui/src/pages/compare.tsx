export function Compare(_: any) { return <h1>compare</h1>; }
